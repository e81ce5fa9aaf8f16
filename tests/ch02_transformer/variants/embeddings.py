"""Answers to 2.6, the embeddings of tokens and positions."""

from tests.grading.variants import Right, Wrong

TOKENS, POSITIONS = "Embed.forward", "LearnedPositions.forward"
ROW = "self.W_E[tokens]"
ROWS = "self.W_pos[start : start + pos].expand(batch, -1, -1)"

WRONG = [
    Wrong("2.6", "token t is row t - 1", {ROW: "self.W_E[tokens - 1]"}, says="one too early"),
    Wrong(
        "2.6",
        "token t is row t + 1",
        {ROW: "self.W_E[(tokens + 1) % len(self.W_E)]"},
        says="one too late",
    ),
    Wrong(
        "2.6",
        "rows of the places",
        {ROW: "self.W_E[: tokens.shape[1]].expand(len(tokens), -1, -1)"},
        says="Are the rows those of the positions?",
    ),
    Wrong(
        "2.6",
        "the first sequence for all",
        {ROW: "self.W_E[tokens[0]].expand(len(tokens), -1, -1)"},
        says="Does every sequence get the tokens of the first?",
    ),
    Wrong(
        "2.6",
        "scaled",
        {ROW: f"{ROW} * self.W_E.shape[1] ** 0.5"},
        says="Is it scaled by sqrt(d_model)?",
    ),
    Wrong("2.6", "tokens without graph", {ROW: "self.W_E.data[tokens]"}, says="respect to W_E"),
    Wrong("2.6", "no start", {"start : start + pos": ":pos"}, says="Is `start` left out?"),
    Wrong(
        "2.6",
        "start one too late",
        {ROWS: "self.W_pos.roll(-1, 0)[start : start + pos].expand(batch, -1, -1)"},
        says="Does it begin one too late?",
    ),
    Wrong(
        "2.6",
        "start one too early",
        {ROWS: "self.W_pos.roll(1, 0)[start : start + pos].expand(batch, -1, -1)"},
        says="Does it begin one too early?",
    ),
    Wrong(
        "2.6", "by token", {ROWS: "self.W_pos[tokens]"}, says="Are the rows those of the tokens?"
    ),
    Wrong(
        "2.6",
        "one vector for all",
        {ROWS: "self.W_pos[start].expand(batch, pos, -1)"},
        says="Does every token get the vector of position start?",
    ),
    Wrong(
        "2.6",
        "the last positions",
        {"start : start + pos": "-pos:"},
        says="Are positions counted from the end?",
    ),
    Wrong(
        "2.6",
        "one position a sequence",
        {
            ROWS: "self.W_pos[(start + torch.arange(batch)) % len(self.W_pos)][:, None]"
            ".expand(-1, pos, -1)"
        },
        says="Does the position depend on the sequence?",
    ),
    Wrong("2.6", "no batch", {".expand(batch, -1, -1)": ""}, says="wrong shape or type"),
    Wrong(
        "2.6", "a batch of one", {".expand(batch, -1, -1)": "[None]"}, says="wrong shape or type"
    ),
    Wrong("2.6", "up to pos", {"start : start + pos": "start:pos"}, says="wrong shape or type"),
    Wrong("2.6", "positions without graph", {"self.W_pos[": "self.W_pos.data["}, says="to W_pos"),
]

WRONG += [
    Wrong(
        "2.6",
        "repeated in the wrong order",
        {
            ROWS: ROWS.replace(
                ".expand(batch, -1, -1)", ".repeat_interleave(batch, 0).reshape(batch, pos, -1)"
            )
        },
        says="With start=4 the tokens stand at positions",
    ),
    Wrong(
        "2.6",
        "positions go on over the batch",
        {
            ROWS: "self.W_pos[(start + torch.arange(batch * pos)) % len(self.W_pos)]"
            ".view(batch, pos, -1)"
        },
        says="With start=4 the tokens stand at positions",
    ),
    Wrong(
        "2.6",
        "start added to the vectors",
        {"self.W_pos[start : start + pos]": "(self.W_pos[:pos] + start)"},
        says="get these rows of W_pos",
    ),
    Wrong("2.6", "squeezed", {ROW: f"{ROW}.squeeze()"}, says="wrong shape or type"),
    Wrong(
        "2.6",
        "a frozen nn.Embedding",
        {ROW: "nn.Embedding.from_pretrained(self.W_E)(tokens)"},
        says="respect to W_E",
    ),
    Wrong(
        "2.6",
        "token 0 learns nothing",
        {ROW: "F.embedding(tokens, self.W_E, padding_idx=0)"},
        says="respect to W_E",
    ),
]

RIGHT = [
    Right(
        "2.6",
        "by index_select and filling in",
        body={
            TOKENS: "return self.W_E.index_select(0, tokens.flatten()).view(*tokens.shape, -1)",
            POSITIONS: """
            out = self.W_pos.new_zeros(batch, pos, self.W_pos.shape[1])
            for place in range(pos):
                out[:, place] = self.W_pos[start + place]
            return out
            """,
        },
    ),
    Right(
        "2.6",
        "by F.embedding",
        body={
            TOKENS: "return F.embedding(tokens, self.W_E)",
            POSITIONS: """
            where = torch.arange(start, start + pos, device=tokens.device)
            return F.embedding(where, self.W_pos)[None].repeat(batch, 1, 1)
            """,
        },
    ),
    Right(
        "2.6",
        "by one-hot products",
        body={
            TOKENS: """
            one_hot = F.one_hot(tokens.long(), len(self.W_E)).to(self.W_E.dtype)
            return one_hot @ self.W_E
            """,
            POSITIONS: """
            where = torch.arange(pos, device=tokens.device) + start
            return self.W_pos[torch.zeros_like(tokens) + where]
            """,
        },
    ),
    Right(
        "2.6",
        "by loops",
        body={
            TOKENS: """
            rows = [torch.stack([self.W_E[token] for token in row]) for row in tokens]
            return torch.stack(rows)
            """,
            POSITIONS: """
            vectors = torch.cat([self.W_pos[p : p + 1] for p in range(start, start + pos)])
            return torch.stack([vectors] * batch)
            """,
        },
    ),
]

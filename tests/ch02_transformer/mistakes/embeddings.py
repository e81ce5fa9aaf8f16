"""Mistakes in the embeddings (2.6), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

ROWS = "self.W_E[tokens]"
POSITIONS = "self.W_pos[start : start + pos].expand(batch, -1, -1)"

EMBED_FORWARD = mistakes(
    "2.6",
    "Embed.forward",
    {
        "Is every row taken one too early? Token t is row t; tokens count from 0.": {
            ROWS: "self.W_E[tokens - 1]"
        },
        "Is every row taken one too late? Token t is row t; tokens count from 0.": {
            ROWS: "self.W_E[(tokens + 1) % len(self.W_E)]"
        },
        "Are the rows those of the positions? They are those of the tokens.": {
            ROWS: "self.W_E[: tokens.shape[1]].expand(len(tokens), -1, -1)"
        },
        "Does every sequence get the tokens of the first?": {
            ROWS: "self.W_E[tokens[0]].expand(len(tokens), -1, -1)"
        },
        "Is it scaled by sqrt(d_model)? Here the row is taken as it is.": {
            ROWS: "self.W_E[tokens] * self.W_E.shape[1] ** 0.5"
        },
        "Are columns of W_E taken? Each token has a row.": {
            "return self.W_E[tokens]": "return self.W_E[:, tokens]"
        },
        "Is the lookup a product with float32 numbers? It fails for weights of another precision.": {
            "return self.W_E[tokens]": "return torch.nn.functional.one_hot(tokens, len(self.W_E)).float() @ self.W_E"
        },
        "Does every position get the vector of the last token?": {
            "return self.W_E[tokens]": "return self.W_E[tokens[:, -1:]].expand(-1, tokens.shape[1], -1)"
        },
        "Are batch and position one axis? The result is [batch, pos, d_model].": {
            "return self.W_E[tokens]": "return self.W_E[tokens.flatten()]"
        },
        "Are the token vectors divided by their length? The row is taken as it is.": {
            "return self.W_E[tokens]": "return self.W_E[tokens] / self.W_E[tokens].norm(dim=-1, keepdim=True)"
        },
    },
    unnamed={
        "respect to W_E": [
            {ROWS: "self.W_E.data[tokens]"},
            {ROWS: "nn.Embedding.from_pretrained(self.W_E)(tokens)"},
            {ROWS: "F.embedding(tokens, self.W_E, padding_idx=0)"},
        ],
        "wrong shape or type": {ROWS: "self.W_E[tokens].squeeze()"},
    },
)
LEARNEDPOSITIONS_FORWARD = mistakes(
    "2.6",
    "LearnedPositions.forward",
    {
        "Is `start` left out? The first token of this call is at position start.": {
            "start : start + pos": ":pos"
        },
        "Does it begin one too late?": {
            POSITIONS: "self.W_pos.roll(-1, 0)[start : start + pos].expand(batch, -1, -1)"
        },
        "Does it begin one too early?": {
            POSITIONS: "self.W_pos.roll(1, 0)[start : start + pos].expand(batch, -1, -1)"
        },
        "Are the rows those of the tokens? They are those of the positions.": {
            POSITIONS: "self.W_pos[tokens]"
        },
        "Does every token get the vector of position start?": {
            POSITIONS: "self.W_pos[start].expand(batch, pos, -1)"
        },
        "Are positions counted from the end?": {"start : start + pos": "-pos:"},
        "Does the position depend on the sequence?": {
            POSITIONS: "self.W_pos[(start + torch.arange(batch)) % len(self.W_pos)][:, None].expand(-1, pos, -1)"
        },
        "Is `start` counted twice?": {"start : start + pos": "2 * start : 2 * start + pos"},
        "Does the slice end at pos? It has pos rows: start : start + pos.": {
            "start : start + pos": "start : pos"
        },
        "Do the positions begin at start + 1?": {
            "start : start + pos": "start + 1 : start + pos + 1"
        },
        "Is there one position too many? The slice ends before start + pos.": {
            "start : start + pos": "start : start + pos + 1"
        },
        "Is there one position too few? The slice ends before start + pos.": {
            "start : start + pos": "start : start + pos - 1"
        },
        "Is the batch axis missing? The rows are repeated for each sequence.": {
            "return self.W_pos[start : start + pos].expand(batch, -1, -1)": "return self.W_pos[start : start + pos]"
        },
        "Is the batch axis of size 1? The rows are repeated for each sequence.": {
            "return self.W_pos[start : start + pos].expand(batch, -1, -1)": "return self.W_pos[start : start + pos][None]"
        },
        "Are the axes of batch and position exchanged?": [
            {
                "return self.W_pos[start : start + pos].expand(batch, -1, -1)": "return self.W_pos[start : start + pos][:, None].expand(-1, batch, -1)"
            },
            {
                "return self.W_pos[start : start + pos].expand(batch, -1, -1)": "return self.W_pos[start : start + batch].expand(pos, -1, -1)"
            },
            {"return self.W_E[tokens]": "return self.W_E[tokens].transpose(0, 1)"},
            {"return self.W_E[tokens]": "return self.W_E[tokens.T]"},
        ],
        "Is memory cut into other rows (view)? expand repeats the rows for each sequence.": {
            "return self.W_pos[start : start + pos].expand(batch, -1, -1)": "return self.W_pos[start : start + pos].repeat(batch, 1).view(pos, batch, -1).transpose(0, 1)"
        },
        "Are the rows those of the tokens, moved by start? They are those of the positions.": {
            "return self.W_pos[start : start + pos].expand(batch, -1, -1)": "return self.W_pos[tokens + start]"
        },
        "Are the numbers of the positions returned, and not the rows of W_pos?": {
            "return self.W_pos[start : start + pos].expand(batch, -1, -1)": "p = torch.arange(start, start + pos)\nreturn self.W_pos[p].expand(batch, -1, -1) * 0 + p[None, :, None]"
        },
        "Do the positions begin again at 0 after `pos` (modulo)?": {
            "return self.W_pos[start : start + pos].expand(batch, -1, -1)": "return self.W_pos[torch.arange(start, start + pos) % pos].expand(batch, -1, -1)"
        },
        "Is the weight detached? It gets no gradient then.": {
            "return self.W_pos[start : start + pos].expand(batch, -1, -1)": "return self.W_pos.detach()[start : start + pos].expand(batch, -1, -1)"
        },
        "Are the positions in reverse order?": {
            "return self.W_pos[start : start + pos].expand(batch, -1, -1)": "return self.W_pos[start : start + pos].expand(batch, -1, -1).flip(1)"
        },
        "Are the rows those before start? They are those from start on.": {
            "self.W_pos[start : start + pos]": "self.W_pos[start - pos : start] if start >= pos else self.W_pos[start : start + pos]"
        },
        "Is every second row taken?": {
            "self.W_pos[start : start + pos]": "self.W_pos[start :: 2][:pos]"
        },
        "Does each text go on where the one before ends? All texts have the same positions.": {
            "return self.W_pos[start : start + pos].expand(batch, -1, -1)": "return self.W_pos[(start + torch.arange(batch * pos)) % len(self.W_pos)].view(batch, pos, -1)"
        },
    },
    unnamed={
        "wrong shape or type": [
            {".expand(batch, -1, -1)": ""},
            {".expand(batch, -1, -1)": "[None]"},
            {"start : start + pos": "start:pos"},
        ],
        "to W_pos": {"self.W_pos[": "self.W_pos.data["},
        "With start=4 the positions are": [
            {
                POSITIONS: "self.W_pos[start : start + pos].repeat_interleave(batch, 0).reshape(batch, pos, -1)"
            },
            {
                POSITIONS: "self.W_pos[(start + torch.arange(batch * pos)) % len(self.W_pos)].view(batch, pos, -1)"
            },
        ],
        "these rows of W_pos are right": {
            "self.W_pos[start : start + pos]": "(self.W_pos[:pos] + start)"
        },
    },
)
RIGHT_2_6 = right_answers(
    "2.6",
    "Embed.forward",
    {
        "by index_select and filling in": {
            "Embed.forward": "return self.W_E.index_select(0, tokens.flatten()).view(*tokens.shape, -1)",
            "LearnedPositions.forward": """
            out = self.W_pos.new_zeros(batch, pos, self.W_pos.shape[1])
            for place in range(pos):
                out[:, place] = self.W_pos[start + place]
            return out
            """,
        },
        "by F.embedding": {
            "Embed.forward": "return F.embedding(tokens, self.W_E)",
            "LearnedPositions.forward": """
            where = torch.arange(start, start + pos, device=tokens.device)
            return F.embedding(where, self.W_pos)[None].repeat(batch, 1, 1)
            """,
        },
        "by one-hot products": {
            "Embed.forward": """
            one_hot = F.one_hot(tokens.long(), len(self.W_E)).to(self.W_E.dtype)
            return one_hot @ self.W_E
            """,
            "LearnedPositions.forward": """
            where = torch.arange(pos, device=tokens.device) + start
            return self.W_pos[torch.zeros_like(tokens) + where]
            """,
        },
        "by loops": {
            "Embed.forward": """
            rows = [torch.stack([self.W_E[token] for token in row]) for row in tokens]
            return torch.stack(rows)
            """,
            "LearnedPositions.forward": """
            vectors = torch.cat([self.W_pos[p : p + 1] for p in range(start, start + pos)])
            return torch.stack([vectors] * batch)
            """,
        },
    },
)

PADDING = mistakes(
    "2.6",
    "Embed.forward",
    {
        "Has token 0 no gradient? It is a token like any other, not padding.": (
            "return torch.nn.functional.embedding(tokens, self.W_E, padding_idx=0)"
        )
    },
)

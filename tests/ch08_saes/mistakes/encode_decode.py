"""Mistakes in encode and decode (8.1), and right answers written another way."""

from tests.grading.mistakes import mistakes, right_answers

PRE = mistakes(
    "8.1",
    "AbstractSAE.pre_activations",
    {
        "Is b_dec not subtracted? The encoder sees x minus what decode adds last.": (
            "return x @ self.W_enc + self.b_enc"
        ),
        "Is b_enc missing?": "return (x - self.b_dec) @ self.W_enc",
        "Is b_dec added? It is subtracted.": "return (x + self.b_dec) @ self.W_enc + self.b_enc",
        "Is b_enc subtracted? It is added.": "return (x - self.b_dec) @ self.W_enc - self.b_enc",
        "Is the activation function applied already? pre_acts may be negative.": (
            "return ((x - self.b_dec) @ self.W_enc + self.b_enc).relu()"
        ),
        "Is the decoder used as the encoder? They are two weights.": (
            "return (x - self.b_dec) @ self.W_dec.T + self.b_enc"
        ),
        "Is b_dec detached? It gets a gradient through the encoder too.": (
            "return (x - self.b_dec.detach()) @ self.W_enc + self.b_enc"
        ),
        "Is x changed in place? The caller still uses it.": (
            "x -= self.b_dec\nreturn x @ self.W_enc + self.b_enc"
        ),
    },
)
DECODE = mistakes(
    "8.1",
    "AbstractSAE.decode",
    {
        "Is b_dec missing in x_hat?": "return acts @ self.W_dec",
        "Is the encoder used as the decoder? They are two weights.": (
            "return acts @ self.W_enc.T + self.b_dec"
        ),
        "Is b_dec subtracted in x_hat? It is added.": "return acts @ self.W_dec - self.b_dec",
        "Is b_enc subtracted from acts? The decoder has a bias of its own.": (
            "return (acts - self.b_enc) @ self.W_dec + self.b_dec"
        ),
        "Are the decoder rows normalized here? Use them as they are.": (
            "return acts @ F.normalize(self.W_dec, dim=-1) + self.b_dec"
        ),
        "Are acts changed in place? They are returned too.": (
            "acts *= 1 + 1e-3\nreturn acts @ self.W_dec + self.b_dec"
        ),
    },
)
RIGHT = right_answers(
    "8.1",
    "AbstractSAE.pre_activations",
    {
        "the bias folded": {
            "AbstractSAE.pre_activations": (
                "return torch.einsum('...i,ij->...j', x - self.b_dec, self.W_enc) + self.b_enc"
            ),
            "AbstractSAE.decode": "return self.b_dec + F.linear(acts, self.W_dec.T)",
        }
    },
)

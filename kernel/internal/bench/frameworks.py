"""Trains the models of speed/models.go in JAX or PyTorch, with the same sizes, batches and optimizer.

    frameworks.py jax|torch

For each line "MODEL SIDE SECONDS" of its input it trains for about so long, after what compiles, and prints
"rate" and the steps per second. The side is ignored: JAX runs a jitted step with donated state on batches of
NumPy, PyTorch runs eagerly with the fused Adam; both leave the loss on the device until a look at the clock.
"""
import math, sys, time
import numpy as np

VOCABULARY, CONTEXT, WIDTH, DEPTH, HEADS = 65, 64, 128, 4, 4
EVERY = {"mlp": 20, "cnn": 1, "gpt": 1, "logreg": 128}  # steps between two looks at the clock


def data(model):
    rng = np.random.default_rng(1)
    f32 = lambda *s: rng.standard_normal(s, dtype=np.float32)
    if model in ("mlp", "cnn"):
        prototypes = f32(10, 784)
        y = rng.integers(0, 10, (64, 128)).astype(np.int32)
        return f32(64, 128, 784) / 2 + prototypes[y], y
    if model == "gpt":
        steps = 1 + rng.integers(0, 3, 64 * 12 * CONTEXT + 1)
        text = (np.cumsum(steps) % VOCABULARY).astype(np.int32)
        return text[:-1].reshape(64, 12, CONTEXT), text[1:].reshape(64, 12, CONTEXT)
    x = f32(256, 32, 64)
    return x, (x[..., :1] + x[..., 1:2] > 0).astype(np.float32)


class Jax:
    def __init__(self, model):
        import jax, jax.numpy as jnp, optax
        from jax import lax

        self.jax, self.model = jax, model
        self.x, self.y = data(model)
        if model == "cnn":
            self.x = self.x.reshape(64, 128, 28, 28, 1)
        keys = iter(jax.random.split(jax.random.key(42), 64))
        he = lambda *s: jax.random.normal(next(keys), s) * math.sqrt(2 / np.prod(s[:-1]))
        normal = lambda std, *s: jax.random.normal(next(keys), s) * std
        zeros, relu = jnp.zeros, jax.nn.relu

        def parameters():
            if model == "mlp":
                return [he(784, 256), zeros(256), he(256, 256), zeros(256), he(256, 10), zeros(10)]
            if model == "cnn":
                return [he(3, 3, 1, 32), zeros(32), he(3, 3, 32, 64), zeros(64), he(3136, 128), zeros(128), he(128, 10), zeros(10)]
            if model == "logreg":
                return [he(64, 1), zeros(1)]
            back = 0.02 / math.sqrt(2 * DEPTH)
            layer = lambda: [jnp.ones(WIDTH), normal(0.02, WIDTH, 3 * WIDTH), normal(back, WIDTH, WIDTH),
                             jnp.ones(WIDTH), normal(0.02, WIDTH, 4 * WIDTH), normal(back, 4 * WIDTH, WIDTH)]
            return [normal(0.02, VOCABULARY, WIDTH), normal(0.02, CONTEXT, WIDTH), jnp.ones(WIDTH), [layer() for _ in range(DEPTH)]]

        def norm(x, scale):
            mean = x.mean(-1, keepdims=True)
            return (x - mean) * lax.rsqrt(jnp.square(x - mean).mean(-1, keepdims=True) + 1e-5) * scale

        def gpt(p, x):
            tokens, places, last, layers = p
            b, t = x.shape
            h = tokens[x] + places
            mask = jnp.tril(jnp.ones((t, t), bool))
            for n1, qkv, proj, n2, wide, narrow in layers:
                q, k, v = [u.reshape(b, t, HEADS, -1) for u in jnp.split(norm(h, n1) @ qkv, 3, -1)]
                s = jnp.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(WIDTH // HEADS)
                s = jax.nn.softmax(jnp.where(mask, s, -jnp.inf), -1)
                h = h + jnp.einsum("bhqk,bkhd->bqhd", s, v).reshape(b, t, WIDTH) @ proj
                h = h + jax.nn.gelu(norm(h, n2) @ wide, approximate=False) @ narrow
            return norm(h, last) @ tokens.T

        def conv(x, w, b):
            return relu(lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")) + b)

        def pool(x):
            return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

        def forward(p, x):
            if model == "gpt":
                return gpt(p, x)
            if model == "logreg":
                return x @ p[0] + p[1]
            if model == "cnn":
                x = pool(conv(pool(conv(x, p[0], p[1])), p[2], p[3]))
                x, p = x.reshape(x.shape[0], -1), p[4:]
            while len(p) > 2:
                x, p = relu(x @ p[0] + p[1]), p[2:]
            return x @ p[0] + p[1]

        def loss(p, x, y):
            out = forward(p, x)
            if model == "logreg":
                return optax.sigmoid_binary_cross_entropy(out, y).mean()
            return optax.softmax_cross_entropy_with_integer_labels(out, y).mean()

        adam = optax.adam(1e-3, eps=1e-8)

        def step(p, o, x, y):
            l, g = jax.value_and_grad(loss)(p, x, y)
            u, o = adam.update(g, o, p)
            return optax.apply_updates(p, u), o, l

        self.call = jax.jit(step, donate_argnums=(0, 1))
        self.p = parameters()
        self.o = adam.init(self.p)

    def step(self, i):
        i %= len(self.x)
        self.p, self.o, self.loss = self.call(self.p, self.o, self.x[i], self.y[i])

    def wait(self):
        return float(self.loss)


class Torch:
    def __init__(self, model):
        import torch, torch.nn as nn, torch.nn.functional as F

        torch.manual_seed(42)
        linear = lambda i, o: nn.Linear(i, o, bias=False)

        class Layer(nn.Module):
            def __init__(self):
                super().__init__()
                self.n1, self.n2 = nn.LayerNorm(WIDTH, bias=False), nn.LayerNorm(WIDTH, bias=False)
                self.qkv, self.proj = linear(WIDTH, 3 * WIDTH), linear(WIDTH, WIDTH)
                self.wide, self.narrow = linear(WIDTH, 4 * WIDTH), linear(4 * WIDTH, WIDTH)

            def forward(self, x):
                b, t, _ = x.shape
                q, k, v = [u.view(b, t, HEADS, -1).transpose(1, 2) for u in self.qkv(self.n1(x)).split(WIDTH, 2)]
                o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
                x = x + self.proj(o.transpose(1, 2).reshape(b, t, WIDTH))
                return x + self.narrow(F.gelu(self.wide(self.n2(x))))

        class Gpt(nn.Module):
            def __init__(self):
                super().__init__()
                self.tokens, self.places = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
                self.layers, self.last = nn.ModuleList(Layer() for _ in range(DEPTH)), nn.LayerNorm(WIDTH, bias=False)
                for p in self.parameters():
                    if p.dim() > 1:
                        nn.init.normal_(p, 0, 0.02)

            def forward(self, x):
                h = self.tokens(x) + self.places.weight
                for layer in self.layers:
                    h = layer(h)
                return F.linear(self.last(h), self.tokens.weight)

        dense = [nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)]
        images = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
                  nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10)]
        self.net = {"mlp": lambda: nn.Sequential(*dense), "cnn": lambda: nn.Sequential(*images), "gpt": Gpt,
                    "logreg": lambda: nn.Linear(64, 1)}[model]()
        x, y = data(model)
        if model == "cnn":
            x = x.reshape(64, 128, 1, 28, 28)
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)
        if model != "logreg":
            self.y = self.y.long()
        self.adam = torch.optim.Adam(self.net.parameters(), lr=1e-3, eps=1e-8, fused=True)
        self.cost = F.binary_cross_entropy_with_logits if model == "logreg" else (
            lambda out, y: F.cross_entropy(out.view(-1, out.size(-1)), y.view(-1)))

    def step(self, i):
        i %= len(self.x)
        self.adam.zero_grad(set_to_none=True)
        self.loss = self.cost(self.net(self.x[i]), self.y[i])
        self.loss.backward()
        self.adam.step()

    def wait(self):
        return self.loss.item()


def main():
    kind, models = {"jax": Jax, "torch": Torch}[sys.argv[1]], {}
    for line in sys.stdin:
        model, _, seconds = line.split()
        if model not in models:
            models[model] = m = kind(model)
            m.step(0)
            m.wait()
        m, n, began = models[model], 0, time.perf_counter()
        while time.perf_counter() - began < float(seconds):
            for _ in range(EVERY[model]):
                m.step(n)
                n += 1
            m.wait()
        print("rate", n / (time.perf_counter() - began), flush=True)


main()

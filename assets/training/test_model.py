"""The low-rank change, against the plain way to write it."""

import unittest

import torch

from model import Linear


class LowRank(unittest.TestCase):
    def test_value_and_gradients_are_those_of_the_changed_matrix(self) -> None:
        torch.manual_seed(0)
        layer = Linear(12, 7).double()
        layer.adapt(3)
        layer.double()
        layer.up.data.normal_()
        layer.weight.requires_grad_(False)
        x = torch.randn(2, 5, 12, dtype=torch.float64, requires_grad=True)
        weigh = torch.randn(2, 5, 7, dtype=torch.float64)
        wanted = (x, layer.down, layer.up)
        found = torch.autograd.grad((layer(x) * weigh).sum(), wanted)
        plain = torch.autograd.grad((torch.nn.functional.linear(x, layer.merged()) * weigh).sum(), wanted)
        self.assertTrue(torch.allclose(layer(x), torch.nn.functional.linear(x, layer.merged())))
        for one, other in zip(found, plain):
            self.assertTrue(torch.allclose(one, other))

    def test_it_computes_in_what_autocast_asks_for(self) -> None:
        layer = Linear(8, 8)
        layer.adapt(2)
        x = torch.randn(3, 8, requires_grad=True)
        with torch.autocast("cpu", torch.bfloat16):
            y = layer(x)
        self.assertEqual(y.dtype, torch.bfloat16)
        y.float().sum().backward()
        self.assertEqual((x.grad.dtype, layer.up.grad.dtype), (torch.float32, torch.float32))


if __name__ == "__main__":
    unittest.main()

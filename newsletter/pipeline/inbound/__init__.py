"""Acts on what came back by mail: finds the reader and the delivery, applies the policy, keeps a log."""

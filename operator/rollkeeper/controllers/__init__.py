"""Read, decide, do: one short module a kind. The deciding is `rollkeeper.engine`'s."""

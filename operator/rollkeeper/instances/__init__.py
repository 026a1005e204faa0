"""What an instance is made of. Pods today; the engine knows only `Instance`."""

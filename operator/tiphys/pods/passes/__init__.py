"""The passes that make a Pod, one noun each; `build` says in which order."""

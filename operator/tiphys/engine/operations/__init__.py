"""What users do to workflows that exist: an object in, a new object out; no I/O, no clock. Source: argo-semantics 13, 14."""

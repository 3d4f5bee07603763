"""The rules of a right manifest, one module an area; each appends what is wrong to a list. Source: argo-semantics 23."""

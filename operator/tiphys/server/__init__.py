"""The server: Argo's REST API over the cluster, each request with the right of who asks."""

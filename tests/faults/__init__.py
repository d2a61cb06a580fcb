"""Nothing is lost: the suite under load while its processes and servers are killed."""

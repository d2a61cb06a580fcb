"""RabbitMQ: the topology, connections, messages and the publisher."""

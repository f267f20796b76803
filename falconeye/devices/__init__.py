"""The cameras at this node's own ports: what udev and the kernel's video layer tell of them."""

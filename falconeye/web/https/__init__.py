"""What browsers connect to when TLS is on; none of it but `state` is loaded when it is off."""

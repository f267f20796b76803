"""What FalconEye is made of, and under which terms: licences, bill of materials, advisories."""

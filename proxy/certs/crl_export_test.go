package certs

// RememberedKeys returns for how many keys c remembers whether they signed it.
func (c *CRL) RememberedKeys() int {
	c.signature.mu.Lock()
	defer c.signature.mu.Unlock()
	return len(c.signature.outcomes)
}

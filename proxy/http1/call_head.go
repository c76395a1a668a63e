package http1

import "time"

// maxInterim is how many interim responses may precede one response.
const maxInterim = 64

// continueAfter is how long the application may think about Expect: 100-continue
// before the client is told to go on: many have never heard of it.
const continueAfter = time.Second

// readHead reads responses up to the final one.
func (c *Call) readHead() error {
	if !c.Await && !c.uploading {
		c.boundHead()
	}
	for range maxInterim + 1 {
		if err := c.awaitHead(); err != nil {
			return err
		}
		c.heard, c.Head = true, nil // its buffer has the response
		r := &c.Response
		if err := r.read(&c.in, c.NoContent); err != nil {
			return unexpected(err)
		}
		if r.Status >= 200 || r.Status == 101 && c.switches(r) {
			c.endHead()
			c.body.begin(&c.in, r.Length, 0, maxResponseFields)
			return nil
		}
		if err := c.interim(r); err != nil {
			return err
		}
	}
	return violation(BadStatusLine, "there are more than %d interim responses", maxInterim)
}

// awaitHead waits for the first bytes of a response, and tells a client that waits
// for a 100 to go on if there are none in time.
func (c *Call) awaitHead() error {
	if !c.Await {
		return c.awaitBytes()
	}
	c.deadline(continueAfter)
	err := c.awaitBytes()
	switch {
	case err == nil:
		c.boundHead() // nothing more is sent before it has come
		return nil
	case !isTimeout(err) || c.isAborted():
		return err
	}
	if err = c.proceed(&Response{Status: 100}); err != nil {
		return err
	}
	return c.awaitBytes()
}

func (c *Call) awaitBytes() error {
	if c.in.r < c.in.w {
		return nil
	}
	return c.in.fill(bufferSize)
}

// switches reports whether a 101 is to what was asked for. Nothing else may be on
// its way to the application then.
func (c *Call) switches(r *Response) bool {
	return c.Content == nil && c.Upgrade != "" && is(r.upgrade, c.Upgrade)
}

func (c *Call) interim(r *Response) error {
	switch {
	case r.Status == 101:
		return violation(BadStatusLine, "the application switches to a protocol that was not asked for: %s", r.upgrade)
	case r.Status == 100 && c.Await:
		return c.proceed(r)
	case r.Status == 100 || c.Interim == nil:
		return nil // the client has sent its content, or has none
	}
	return c.Interim(r)
}

// proceed has the client send its content.
func (c *Call) proceed(r *Response) error {
	c.deadline(0)
	c.Await = false
	if c.Interim != nil {
		if err := c.Interim(r); err != nil {
			return err
		}
	}
	if c.Content != nil {
		c.startUpload()
	}
	return nil
}

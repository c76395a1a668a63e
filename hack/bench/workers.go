package main

import (
	"context"
	"crypto/tls"
	"time"
)

// What is sent.
var (
	getRequest      = request("GET", "/", "", nil)
	lastGetRequest  = request("GET", "/", "Connection: close\r\n", nil)
	downloadRequest = request("GET", downloadPath, "", nil)
	postRequest     = request("POST", "/", "Content-Type: application/octet-stream\r\n", make([]byte, 16<<10))
)

// keepAlive sends the same request again and again over one connection, and
// rests after each.
func keepAlive(addr string, config *tls.Config, request []byte, want int64, rest time.Duration) worker {
	return func(ctx context.Context, m *meter) error {
		c, err := dial(ctx, addr, config, m.deadline)
		if err != nil {
			return err
		}
		defer c.close()
		for !m.stop.Load() {
			begin := time.Now()
			if err := c.get(request, want); err != nil {
				return err
			}
			m.done(begin, want)
			if rest > 0 {
				if err := pause(ctx, rest); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// streams keeps n GETs under way on one HTTP/2 connection.
func streams(addr string, config *tls.Config, n int) worker {
	return func(ctx context.Context, m *meter) error {
		c, err := dialHTTP2(ctx, addr, config, m.deadline)
		if err != nil {
			return err
		}
		defer c.close()
		for range n {
			if err := c.get(time.Now()); err != nil {
				return err
			}
		}
		for !m.stop.Load() {
			s, err := c.finish()
			if err != nil {
				return err
			}
			m.done(s.begin, int64(s.got))
			if err := c.get(time.Now()); err != nil {
				return err
			}
		}
		return nil
	}
}

// connections makes one request over each of one connection after another.
func connections(addr string, config *tls.Config) worker {
	return func(ctx context.Context, m *meter) error {
		for !m.stop.Load() {
			begin := time.Now()
			if _, err := oneRequest(ctx, addr, config, m.deadline); err != nil {
				return err
			}
			m.done(begin, smallBody)
		}
		return nil
	}
}

// resumptions is connections with a session that each takes over from the one
// before it.
func resumptions(addr string, config *tls.Config) worker {
	config = config.Clone()
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	return func(ctx context.Context, m *meter) error {
		if _, err := oneRequest(ctx, addr, config, m.deadline); err != nil {
			return err
		}
		for !m.stop.Load() {
			begin := time.Now()
			state, err := oneRequest(ctx, addr, config, m.deadline)
			switch {
			case err != nil:
				return err
			case !state.DidResume:
				return errNotResumed
			}
			m.done(begin, smallBody)
		}
		return nil
	}
}

func oneRequest(ctx context.Context, addr string, config *tls.Config, deadline time.Time) (tls.ConnectionState, error) {
	c, err := dial(ctx, addr, config, deadline)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer c.close()
	return c.tls.ConnectionState(), c.get(lastGetRequest, smallBody)
}

// times returns n of what one returns.
func times(n int, one func() worker) []worker {
	workers := make([]worker, n)
	for i := range workers {
		workers[i] = one()
	}
	return workers
}

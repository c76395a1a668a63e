package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// The rows of memory.
const (
	idleConn    = "idle-conn"
	idleProcess = "idle-process"
)

// An idler is a proxy that is doing nothing.
type idler struct {
	*contender
	*instance
	clients []*client
	alone   int64 // PSS before it had clients
}

// idleTurn takes one turn of the rows of memory. All proxies idle at the same
// time, because a runtime may need half a minute to give back what it does not
// need, and waiting does not disturb the others.
func (b *bench) idleTurn(ctx context.Context, res *results, process, conn *row, round int) error {
	idlers := make([]*idler, 0, len(b.contenders))
	defer func() {
		for _, i := range idlers {
			i.close()
		}
	}()
	for _, c := range b.contenders {
		i, err := b.ready(ctx, c, idleConn, variant{Server: serverP256}, round)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		idlers = append(idlers, &idler{contender: c, instance: i})
	}
	if err := b.readAlone(ctx, res, process, idlers, round); err != nil || conn == nil {
		return err
	}
	return b.readConnections(ctx, res, conn, idlers, round)
}

func (i *idler) close() {
	i.stop()
	for _, c := range i.clients {
		if c != nil {
			c.close()
		}
	}
}

// readAlone reads the memory of proxies that have answered the few requests of
// the check.
func (b *bench) readAlone(ctx context.Context, res *results, r *row, idlers []*idler, round int) (err error) {
	if err := pause(ctx, b.settle); err != nil {
		return err
	}
	for _, i := range idlers {
		if i.alone, err = pss(i.pid()); err != nil {
			return fmt.Errorf("%s: %w", i.contender.name, err)
		}
		if r != nil {
			b.note(res, r, i.contender, round, sample{memory: float64(i.alone)})
		}
	}
	return nil
}

// readConnections reads what each of many connections adds.
func (b *bench) readConnections(ctx context.Context, res *results, r *row, idlers []*idler, round int) error {
	for _, i := range idlers {
		i.clients = make([]*client, b.idle)
		if err := b.openIdle(ctx, i.addr, i.clients); err != nil {
			return fmt.Errorf("%s: %w", i.contender.name, err)
		}
	}
	if err := pause(ctx, b.settle); err != nil {
		return err
	}
	for _, i := range idlers {
		now, err := pss(i.pid())
		if err != nil {
			return fmt.Errorf("%s: %w", i.contender.name, err)
		}
		if err := stillThere(i.clients); err != nil {
			return fmt.Errorf("%s: %w", i.contender.name, err)
		}
		b.note(res, r, i.contender, round, sample{memory: float64(now-i.alone) / float64(b.idle)})
		if err := b.dumpHeap(i.contender, i.instance, idleConn, round); err != nil {
			return err
		}
	}
	return nil
}

// openIdle fills clients with connections that have made one request each.
func (b *bench) openIdle(ctx context.Context, addr string, clients []*client) error {
	var next atomic.Int64
	deadline := time.Now().Add(b.settle + 2*time.Minute)
	group, ctx := errgroup.WithContext(ctx)
	for range 8 {
		group.Go(func() error {
			for n := next.Add(1) - 1; n < int64(len(clients)); n = next.Add(1) - 1 {
				c, err := dial(ctx, addr, b.overHTTP1(), deadline)
				if err != nil {
					return fmt.Errorf("connection %d: %w", n, err)
				}
				clients[n] = c
				if err := c.get(getRequest, smallBody); err != nil {
					return fmt.Errorf("connection %d: %w", n, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// stillThere makes a second request over a few of the connections: a proxy that
// had closed them would have needed no memory.
func stillThere(clients []*client) error {
	for n := 0; n < len(clients); n += max(1, len(clients)/20) {
		if err := clients[n].get(getRequest, smallBody); err != nil {
			return fmt.Errorf("connection %d was idle: %w", n, err)
		}
	}
	return nil
}

package proxy_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// A crew is the application of a site. It gives each guest what it asks for, with
// a number on everything, and knows which guests are with it: those whose stream
// is open.
type crew struct {
	mu   sync.Mutex
	open map[string]int // streams by path
}

func newCrew() *crew { return &crew{open: map[string]int{}} }

// How often a stream ticks: an event stream, and the others.
const (
	eventEvery = 100 * time.Millisecond
	tickEvery  = 250 * time.Millisecond
)

// ServeHTTP implements http.Handler.
func (c *crew) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Upgrade") != "":
		c.count(r, func() { chat(w, r) })
	case r.Header.Get("Content-Type") == "application/grpc":
		c.count(r, func() { answerCall(w, r) })
	case r.Header.Get("Accept") == "text/event-stream":
		c.count(r, func() { sendEvents(w, r) })
	default:
		_, _ = io.WriteString(w, r.URL.RawQuery) // an errand: its number
	}
}

// count notes the stream while serve runs.
func (c *crew) count(r *http.Request, serve func()) {
	c.add(r.URL.Path, 1)
	defer c.add(r.URL.Path, -1)
	serve()
}

func (c *crew) add(path string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[path] += n; c.open[path] == 0 {
		delete(c.open, path)
	}
}

// streams returns the paths of the open streams, and how many of each.
func (c *crew) streams() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.open)
}

// stays returns those that are no errands.
func (c *crew) stays() map[string]int {
	all := c.streams()
	maps.DeleteFunc(all, func(path string, _ int) bool { return strings.HasPrefix(path, "/errand/") })
	return all
}

// sendEvents is a stream of server-sent events: 1, 2, 3 …
func sendEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(eventEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		if _, err := fmt.Fprintf(w, "data: %d\n\n", n); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// answerCall is a gRPC call: each message comes back, and a status in the trailer.
func answerCall(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	if http.NewResponseController(w).Flush() != nil {
		return
	}
	for {
		m, err := readMessage(r.Body)
		if err != nil {
			break
		}
		_, _ = w.Write(message(m))
		_ = http.NewResponseController(w).Flush()
	}
	w.Header().Set("Grpc-Status", "0")
}

// message frames a number as gRPC frames a message: not compressed, its length, it.
func message(number string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(number)))
	return append(b, number...)
}

func readMessage(r io.Reader) (string, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	m := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(r, m)
	return string(m), err
}

// chat is a WebSocket that ticks and sends back what it is sent.
func chat(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	gone := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() {
		tick := time.NewTicker(tickEvery)
		defer tick.Stop()
		for n := 1; ; n++ {
			if c.Write(r.Context(), websocket.MessageText, []byte("tick "+strconv.Itoa(n))) != nil {
				return
			}
			select {
			case <-tick.C:
			case <-gone:
				return
			}
		}
	})
	for {
		_, b, err := c.Read(r.Context())
		if err != nil || c.Write(r.Context(), websocket.MessageText, b) != nil {
			break
		}
	}
	close(gone)
	ticking.Wait()
}

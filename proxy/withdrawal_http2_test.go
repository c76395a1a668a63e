package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// streamOverHTTP2 is HTTP/2 with a response that does not end, and requests beside it.
type streamOverHTTP2 struct{}

func (streamOverHTTP2) String() string     { return "HTTP/2" }
func (streamOverHTTP2) gate(s *site) *gate { return s.web }
func (streamOverHTTP2) alpn() string       { return "h2" }
func (streamOverHTTP2) runsErrands() bool  { return true }
func (streamOverHTTP2) outlives() bool     { return true }
func (streamOverHTTP2) left() string       { return "left" }

func (streamOverHTTP2) out(c *change) []string { return []string{farewell(c) + "reset"} }

// farewell is what comes before the end of a stream.
func farewell(c *change) string {
	if c.errandsGoOn {
		return ""
	}
	return "GOAWAY, "
}

func (streamOverHTTP2) visit(g *guest) string {
	m := newMultiplexed(g)
	m.askStay = func() { m.request("GET", g.stayPath(), true, "accept", "text/event-stream") }
	m.askErrand = func(n int) { m.request("GET", g.errandPath()+"?"+strconv.Itoa(n), true) }
	m.heardStay = func(s *stream) string {
		event := fmt.Sprintf("data: %d\n\n", m.stayed+1)
		for strings.HasPrefix(s.text(), event) {
			s.content.Next(len(event))
			m.stayed++
			g.progress(&g.stayed)
			event = fmt.Sprintf("data: %d\n\n", m.stayed+1)
		}
		return unread(s, event)
	}
	m.answered = func(s *stream, n int) bool { return s.status == "200" && s.text() == strconv.Itoa(n) }
	return m.visit()
}

// grpcCall is a gRPC call of many messages both ways, and short ones beside it.
type grpcCall struct{}

func (grpcCall) String() string     { return "gRPC" }
func (grpcCall) gate(s *site) *gate { return s.rpc }
func (grpcCall) alpn() string       { return "h2" }
func (grpcCall) runsErrands() bool  { return true }
func (grpcCall) outlives() bool     { return true }
func (grpcCall) left() string       { return "grpc-status 0" }

func (grpcCall) out(c *change) []string {
	code := map[int]string{401: "16", 403: "7"} // UNAUTHENTICATED, PERMISSION_DENIED
	return []string{farewell(c) + "grpc-status " + code[c.status] + " " + c.word}
}

func (grpcCall) visit(g *guest) string { return newCall(g).visit() }

// newCall is the client of a call.
func newCall(g *guest) *multiplexed {
	m := newMultiplexed(g)
	call := []string{"content-type", "application/grpc", "te", "trailers"}
	m.askStay = func() {
		m.request("POST", g.stayPath(), false, call...)
		m.say(1)
	}
	m.askErrand = func(n int) {
		id := m.request("POST", g.errandPath(), false, call...)
		_ = m.frames.WriteData(id, true, message(strconv.Itoa(n)))
	}
	m.say = func(n int) { _ = m.frames.WriteData(stayStream, false, message(strconv.Itoa(n))) }
	m.sayGoodbye = func() { _ = m.frames.WriteData(stayStream, true, nil) }
	m.heardStay = func(s *stream) string {
		if echo := string(message(strconv.Itoa(m.stayed + 1))); s.text() == echo {
			s.content.Next(len(echo))
			m.stayed++
			g.progress(&g.stayed)
		}
		return unread(s, string(message(strconv.Itoa(m.stayed+1))))
	}
	m.answered = func(s *stream, n int) bool {
		return s.status == "200" && s.grpc == "0" && s.text() == string(message(strconv.Itoa(n)))
	}
	return m
}

// quietCall is a gRPC call on which nobody says anything after the first word.
type quietCall struct{ grpcCall }

func (quietCall) visit(g *guest) string {
	m := newCall(g)
	first := m.askStay
	m.askStay = func() { first(); m.say = nil }
	return m.visit()
}

// unread returns what is wrong with what is left of a stream: nothing if it is the
// beginning of what comes next.
func unread(s *stream, next string) string {
	if strings.HasPrefix(next, s.text()) {
		return ""
	}
	return fmt.Sprintf("%q came, want %q", s.text(), next)
}

// multiplexed is a client of HTTP/2 (RFC 9113) by hand: it sees every frame.
type multiplexed struct {
	g      *guest
	frames *http2.Framer

	mu      sync.Mutex // guards what follows, and writing
	block   bytes.Buffer
	encoder *hpack.Encoder
	streams map[uint32]*stream
	nextID  uint32
	goAway  bool
	stayed  int // words of the stay that were heard
	said    int // and said
	errand  int // the number of the last one
	pending uint32

	askStay    func()
	askErrand  func(n int)
	heardStay  func(s *stream) string // takes what has come; it returns what was wrong
	answered   func(s *stream, n int) bool
	say        func(n int) // may be nil: it only listens
	sayGoodbye func()      // nil: it just goes
}

// stayStream is the stream of the stay: the first one.
const stayStream = 1

// A stream is one of a multiplexed connection.
type stream struct {
	status, grpc, why string // :status, grpc-status and grpc-message
	content           bytes.Buffer
}

func (s *stream) text() string { return s.content.String() }

func newMultiplexed(g *guest) *multiplexed {
	m := &multiplexed{g: g, frames: http2.NewFramer(g.conn, g.conn), streams: map[uint32]*stream{}, nextID: stayStream}
	m.frames.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	m.encoder = hpack.NewEncoder(&m.block)
	return m
}

// request begins one, with mu held, and returns its stream.
func (m *multiplexed) request(method, path string, whole bool, fields ...string) uint32 {
	m.block.Reset()
	fields = append([]string{":method", method, ":scheme", "https", ":authority", "a", ":path", path}, fields...)
	for i := 0; i < len(fields); i += 2 {
		_ = m.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	id := m.nextID
	m.nextID += 2
	m.streams[id] = &stream{}
	_ = m.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: m.block.Bytes(), EndHeaders: true, EndStream: whole})
	return id
}

// visit is that of both protocols.
func (m *multiplexed) visit() string {
	if _, err := io.WriteString(m.g.conn, http2.ClientPreface); err != nil {
		return "preface not sent: " + err.Error()
	}
	m.mu.Lock()
	_ = m.frames.WriteSettings()
	_ = m.frames.WriteWindowUpdate(0, 1<<30) // all that it will ever be sent
	m.askStay()
	m.said = 1
	m.mu.Unlock()

	var writing sync.WaitGroup
	defer writing.Wait()
	over := make(chan struct{})
	defer close(over)
	writing.Go(func() { m.write(over) })
	for {
		f, err := m.frames.ReadFrame()
		if err != nil {
			return m.broken(err)
		}
		if how := m.read(f); how != "" {
			return how
		}
	}
}

// broken says how the connection ended.
func (m *multiplexed) broken(err error) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.g.isLeaving() {
		return "left"
	}
	return m.farewell() + "no frame: " + err.Error()
}

// farewell is what came before, with mu held.
func (m *multiplexed) farewell() string {
	if m.goAway {
		return "GOAWAY, "
	}
	return ""
}

// write runs errands and says what there is to say, until the visit is over.
func (m *multiplexed) write(over <-chan struct{}) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-m.g.leave:
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.sayGoodbye == nil || m.streams[stayStream] == nil {
				_ = m.g.conn.Close()
				return
			}
			m.sayGoodbye()
			return
		case <-tick.C:
			m.talk()
		}
	}
}

// talk says the next word if the last was answered, and runs the next errand if the
// last is done. Who was told to go away begins nothing new.
func (m *multiplexed) talk() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.say != nil && m.streams[stayStream] != nil && m.stayed == m.said {
		m.said++
		m.say(m.said)
	}
	if m.pending == 0 && !m.goAway {
		m.errand++
		m.pending = m.nextID
		m.askErrand(m.errand)
	}
}

package proxy_test

import (
	"fmt"
	"strconv"

	"golang.org/x/net/http2"
)

// read takes a frame, and says how the visit ends if it does.
func (m *multiplexed) read(f http2.Frame) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			_ = m.frames.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			_ = m.frames.WritePing(true, f.Data)
		}
	case *http2.GoAwayFrame:
		m.goAway = true
		if f.ErrCode != http2.ErrCodeNo {
			return fmt.Sprintf("GOAWAY with %v", f.ErrCode)
		}
	}
	s := m.streams[f.Header().StreamID]
	if s == nil {
		return ""
	}
	return m.readStream(f, s)
}

// readStream takes a frame of a stream.
func (m *multiplexed) readStream(f http2.Frame, s *stream) string {
	id, ended := f.Header().StreamID, false
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		s.read(f)
		ended = f.StreamEnded()
	case *http2.DataFrame:
		s.content.Write(f.Data())
		ended = f.StreamEnded()
		if id == stayStream && s.status == "200" {
			if wrong := m.heardStay(s); wrong != "" {
				return wrong
			}
		}
	case *http2.RSTStreamFrame:
		return m.end(id, "reset")
	}
	if ended {
		return m.end(id, s.result())
	}
	return ""
}

// read takes header or trailer fields.
func (s *stream) read(f *http2.MetaHeadersFrame) {
	for _, h := range f.Fields {
		switch h.Name {
		case ":status":
			s.status = h.Value
		case "grpc-status":
			s.grpc = h.Value
		case "grpc-message":
			s.why = h.Value
		}
	}
}

// result says how a stream that was not reset ended.
func (s *stream) result() string {
	switch {
	case s.grpc != "" && s.why != "":
		return "grpc-status " + s.grpc + " " + s.why
	case s.grpc != "":
		return "grpc-status " + s.grpc
	case s.status == "200":
		return "ended as if it were whole"
	}
	status, err := strconv.Atoi(s.status)
	if err != nil {
		return fmt.Sprintf("ended with status %q", s.status)
	}
	return refusalOf(status, s.text())
}

// end ends a stream, and says how the visit ends if it does: with the stay of a
// guest that was told, or asked, to go. Errands go on without it.
func (m *multiplexed) end(id uint32, how string) string {
	s := m.streams[id]
	delete(m.streams, id)
	if id == stayStream {
		how = m.farewell() + how
		m.g.endStay(how)
		if m.goAway || m.g.isLeaving() {
			return how
		}
		return ""
	}
	m.pending = 0
	if m.answered(s, m.errand) {
		m.g.progress(&m.g.errands)
		return ""
	}
	m.g.refuseErrand(how)
	return ""
}

package proxy

import (
	"errors"
	"io"
	"net/http"
	"strings"
)

// isGRPC reports whether a response of the type ends with trailers that carry a
// status. That of gRPC-Web has them in its content.
func isGRPC(contentType string) bool {
	rest, ok := strings.CutPrefix(contentType, "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// A grpcBody is the content of a gRPC response. When the client is not let in any
// more it ends with the status that says so: to the other end's library a stream
// that is reset is a failure of the network, to be tried again.
type grpcBody struct {
	io.ReadCloser
	x *served
}

// Read implements io.Reader.
func (b *grpcBody) Read(p []byte) (int, error) {
	if b.cut() {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && b.cut() {
		err = io.EOF
	}
	return n, err
}

// cut writes the trailers if the exchange is to be broken off, and reports whether
// it is.
func (b *grpcBody) cut() bool {
	lost := b.x.wait.lost()
	if lost == nil {
		return false
	}
	b.x.fault = lost
	h := b.x.Header()
	h.Set(http.TrailerPrefix+"Grpc-Status", lost.grpcStatus())
	h.Set(http.TrailerPrefix+"Grpc-Message", string(lost.reason))
	return true
}

// grpcStatus is f as gRPC says it: UNAUTHENTICATED or PERMISSION_DENIED.
func (f *fault) grpcStatus() string {
	if f.status == http.StatusUnauthorized {
		return "16"
	}
	return "7"
}

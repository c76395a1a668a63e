package http1

import "bytes"

// parseChunkSize reads chunk-size [ chunk-ext ] (RFC 9112 §7.1). Extensions are
// bounded by the limit of the line and have no white space.
func parseChunkSize(text []byte) (size int64, v *Violation) {
	hex, extension, _ := bytes.Cut(text, []byte(";"))
	switch at := visible.stray(extension); {
	case len(hex) > 15 || !hexDigits.all(hex):
		return 0, violation(BadChunk, "the chunk size is not a number of 1 to 15 hexadecimal digits: %s", hex)
	case at >= 0:
		return 0, violation(BadChunk, "a chunk extension has the byte %#02x", extension[at])
	}
	return parseHex(hex), nil
}

// parseHex returns the number of up to 15 hexadecimal digits.
func parseHex(digits []byte) (n int64) {
	for _, b := range digits {
		switch {
		case b <= '9':
			b -= '0'
		case b <= 'F':
			b -= 'A' - 10
		default:
			b -= 'a' - 10
		}
		n = n<<4 | int64(b)
	}
	return n
}

// cutTrailer divides a field line after the last chunk.
func cutTrailer(text []byte) (name, value []byte, v *Violation) {
	name, value, v = cutField(text)
	if v == nil && headOnly(name) {
		v = violation(BadTrailer, "the field %s is in the trailer section", name)
	}
	return name, value, v
}

// checkAnnounced checks the Trailer field, a list of names.
func checkAnnounced(list []byte) *Violation {
	for more := true; more; {
		var name []byte
		name, list, more = bytes.Cut(list, []byte(","))
		if headOnly(trimOWS(name)) {
			return violation(BadTrailer, "the Trailer field announces %s", trimOWS(name))
		}
	}
	return nil
}

// headOnly reports whether the field decides on framing or routing. It does so
// in the head or nowhere (RFC 9110 §6.5.1).
func headOnly(name []byte) bool {
	return is(name, "content-length") || is(name, "transfer-encoding") || is(name, "host") || is(name, "trailer")
}

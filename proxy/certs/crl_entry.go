package certs

import "bytes"

// maxEntryExtensions bounds the extensions of one entry; RFC 5280 §5.3 knows three.
const maxEntryExtensions = 16

// The extensions of an entry (RFC 5280 §5.3), as the content of their OBJECT IDENTIFIER.
var (
	oidReasonCode        = []byte{0x55, 0x1d, 0x15} // 2.5.29.21
	oidInvalidityDate    = []byte{0x55, 0x1d, 0x18} // 2.5.29.24
	oidCertificateIssuer = []byte{0x55, 0x1d, 0x1d} // 2.5.29.29
)

// noReason stands in a row for a reason that was not given.
const noReason = 0xff

// removeFromCRL is the reason that takes an entry back, in a delta.
const removeFromCRL = 8

// reasonName returns the name that RFC 5280 §5.3.1 gives a reason, if it does.
func reasonName(code byte) string {
	names := [...]string{
		0: "unspecified", 1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded",
		5: "cessationOfOperation", 6: "certificateHold", 8: "removeFromCRL", 9: "privilegeWithdrawn", 10: "aACompromise",
	}
	if int(code) < len(names) {
		return names[code]
	}
	return ""
}

// parseEntries reads the content of revokedCertificates. It goes over it twice, so
// that the index is as large as it must be and never grows. That there is none
// although the element is there is against RFC 5280 §5.1.2.6, common, and harmless.
func parseEntries(content []byte, version1 bool) (*serials, *CRLError) {
	var counts [maxSerialOctets + 1]int
	n := 0
	for in := derReader(content); len(in) > 0; {
		n++
		entry, ok := in.read(tagSequence)
		fields := derReader(entry)
		serial, negative, good := fields.serial()
		if !ok || !good {
			return nil, malformed("is malformed in entry %d: no serial number of at most %d octets", n, maxSerialOctets)
		}
		if !negative {
			counts[len(serial)]++
		}
	}
	revoked := newSerials(&counts)
	n = 0
	for in := derReader(content); len(in) > 0; {
		n++
		entry, _ := in.read(tagSequence)
		if problem := revoked.parse(entry, n, version1); problem != nil {
			return nil, problem
		}
	}
	return revoked, nil
}

// serial reads a serial number. It returns its octets without leading zeros.
func (r *derReader) serial() (octets []byte, negative, ok bool) {
	octets, ok = r.integer()
	if !ok || octets[0] >= 0x80 {
		return nil, true, ok
	}
	octets = bytes.TrimLeft(octets, "\x00")
	return octets, false, len(octets) <= maxSerialOctets
}

// parse reads the content of entry n, and adds it.
func (s *serials) parse(entry []byte, n int, version1 bool) *CRLError {
	in := derReader(entry)
	serial, negative, _ := in.serial()
	unix, ok := in.time()
	if !ok {
		return malformed("is malformed in entry %d: no date of revocation", n)
	}
	reason := byte(noReason)
	if len(in) > 0 {
		extensions, ok := in.read(tagSequence)
		if !ok || len(in) > 0 || len(extensions) == 0 || version1 {
			return malformed("is malformed in entry %d: no extensions follow the date, nor its end, or its version has none", n)
		}
		var problem *CRLError
		if reason, problem = entryReason(extensions, n); problem != nil {
			return problem
		}
	}
	if !negative {
		s.add(serial, unix, reason)
	}
	return nil
}

// entryReason reads the extensions of entry n and returns the reason among them.
func entryReason(extensions derReader, n int) (reason byte, problem *CRLError) {
	reason = noReason
	var seen [maxEntryExtensions][]byte
	for i := 0; len(extensions) > 0; i++ {
		x, ok := extensions.extension()
		if !ok || i == maxEntryExtensions {
			return 0, malformed("is malformed in entry %d: an extension cannot be decoded, or is one too many", n)
		}
		for _, other := range seen[:i] {
			if bytes.Equal(other, x.oid) {
				return 0, malformed("is malformed in entry %d: it has an extension twice", n)
			}
		}
		seen[i] = x.oid
		switch {
		case bytes.Equal(x.oid, oidReasonCode):
			if reason, problem = parseReason(x.value, n); problem != nil {
				return 0, problem
			}
		default:
			if problem := checkEntryExtension(x, n); problem != nil {
				return 0, problem
			}
		}
	}
	return reason, nil
}

// parseReason reads a CRLReason. One that RFC 5280 does not know still says that the
// certificate is revoked.
func parseReason(value derReader, n int) (byte, *CRLError) {
	code, ok := value.read(tagEnumerated)
	switch {
	case !ok || len(value) > 0 || len(code) != 1 || code[0] >= 0x80:
		return 0, malformed("is malformed in entry %d: its reason is none", n)
	case code[0] == removeFromCRL:
		return 0, malformed("is malformed in entry %d: removeFromCRL is a reason in a delta only", n)
	}
	return code[0], nil
}

// checkEntryExtension judges an extension that is not read.
func checkEntryExtension(x crlExtension, n int) *CRLError {
	if bytes.Equal(x.oid, oidInvalidityDate) {
		return nil // revoked is revoked, whenever it began
	}
	if bytes.Equal(x.oid, oidCertificateIssuer) {
		return crlError(CodeCRLIndirect, "is indirect: entry %d names another CA as the issuer of the certificate", n)
	}
	name, ok := shownOID(x.oid)
	switch {
	case !ok:
		return malformed("is malformed in entry %d: an extension has no name", n)
	case x.critical:
		return crlError(CodeCRLCriticalExtension, "has the critical extension %s in entry %d, which is not implemented", name, n)
	}
	return nil
}

package certs

import (
	"bytes"
	"math/big"
	"slices"
	"sort"
	"time"
)

const (
	// maxSerialOctets bounds a serial number. RFC 5280 §4.1.2.2 allows 20 octets; a
	// few CAs have not counted.
	maxSerialOctets = 64
	// rowOverhead is what a row holds beside the serial number: a date and a reason.
	rowOverhead = dateOctets + 1
	// dateOctets hold the seconds from the year 0 to the year 9999.
	dateOctets = 5
)

// yearZero is when the date of a row counts from, in seconds since 1970.
var yearZero = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// serials are the serial numbers of a list, each with its date and reason. Those of
// one length are the rows of one table, of
//
//	serial number, big-endian, without leading zeros | date | reason
//
// in ascending order, without anything between: a serial number of 16 octets costs
// 22, and the garbage collector has nothing to look at.
type serials struct {
	tables [maxSerialOctets + 1][]byte // by the length of the serial number; that of 0 is 0
}

// A serialRow is one row of a table.
type serialRow []byte

// newSerials makes room for so many serial numbers of each length, and no more.
func newSerials(counts *[maxSerialOctets + 1]int) *serials {
	s := new(serials)
	for width, n := range counts {
		if n > 0 {
			s.tables[width] = make([]byte, 0, n*(width+rowOverhead))
		}
	}
	return s
}

// add appends a row. The rows are in order only after a call of sort.
func (s *serials) add(serial []byte, unix int64, reason byte) {
	since := uint64(unix - yearZero)
	table := append(s.tables[len(serial)], serial...)
	s.tables[len(serial)] = append(table, byte(since>>32), byte(since>>24), byte(since>>16), byte(since>>8), byte(since), reason)
}

// sort puts the rows in order and leaves one of each serial number, the oldest. It
// returns how many are left.
func (s *serials) sort() (entries int) {
	for width, rows := range s.tables {
		size := width + rowOverhead
		sortRows(rows, size)
		s.tables[width] = withoutTwins(rows, size, width)
		entries += len(s.tables[width]) / size
	}
	return entries
}

// find returns the row of a serial number.
func (s *serials) find(serial *big.Int) (serialRow, bool) {
	width := (serial.BitLen() + 7) / 8
	if serial.Sign() < 0 || width > maxSerialOctets {
		return nil, false
	}
	var buffer [maxSerialOctets]byte
	key := serial.FillBytes(buffer[:width])
	rows, size := s.tables[width], width+rowOverhead
	i, found := sort.Find(len(rows)/size, func(i int) int { return bytes.Compare(key, rows[i*size:i*size+width]) })
	if !found {
		return nil, false
	}
	return serialRow(rows[i*size : (i+1)*size]), true
}

func (r serialRow) revocation() Revocation {
	var since int64
	for _, b := range r[len(r)-rowOverhead : len(r)-1] {
		since = since<<8 | int64(b)
	}
	return Revocation{Date: time.Unix(since+yearZero, 0).UTC(), Reason: reasonName(r[len(r)-1])}
}

// sortRows sorts rows of one size.
func sortRows(rows []byte, size int) {
	sort.Sort(&rowSorter{rows, size, make([]byte, size)})
}

type rowSorter struct {
	rows []byte
	size int
	temp []byte
}

func (s *rowSorter) Len() int         { return len(s.rows) / s.size }
func (s *rowSorter) row(i int) []byte { return s.rows[i*s.size : (i+1)*s.size] }
func (s *rowSorter) Less(i, j int) bool {
	return bytes.Compare(s.row(i), s.row(j)) < 0
}
func (s *rowSorter) Swap(i, j int) {
	copy(s.temp, s.row(i))
	copy(s.row(i), s.row(j))
	copy(s.row(j), s.temp)
}

// withoutTwins keeps the first of the rows whose serial numbers are the same.
func withoutTwins(rows []byte, size, width int) []byte {
	kept := rows[:min(size, len(rows))]
	for at := size; at < len(rows); at += size {
		if !bytes.Equal(kept[len(kept)-size:len(kept)-size+width], rows[at:at+width]) {
			kept = append(kept, rows[at:at+size]...)
		}
	}
	if len(kept) == len(rows) {
		return rows
	}
	return slices.Clone(kept)
}

package config

import "strings"

// Nearest returns the known word that somebody who wrote word may have meant,
// for a "did you mean"; ok is false if none is near. Case does not count.
func Nearest(word string, known []string) (near string, ok bool) {
	if len(word) > 64 {
		return "", false
	}
	least := 1 + max(1, len(word)/3)
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < least {
			near, least, ok = k, d, true
		}
	}
	return near, ok
}

// distance returns the number of bytes to add, remove, change or swap with
// their neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	before, prev := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := prev[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(prev[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev = prev, row
	}
	return prev[len(b)]
}

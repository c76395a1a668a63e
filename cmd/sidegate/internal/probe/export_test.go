package probe

// Explains reports whether a reason word of Sidegate is known.
func Explains(word string) bool { return sidegateWords[word].means != "" }

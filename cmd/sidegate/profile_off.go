//go:build !profile

package main

// startProfile does nothing: profiles are for builds with the tag profile.
func startProfile() (stop func()) { return func() {} }

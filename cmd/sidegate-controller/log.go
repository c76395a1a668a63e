package main

import (
	"io"
	"log/slog"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"github.com/sidegate/sidegate/proxy/config"
)

// newLogger returns the logger that writes to w, each line in one Write.
func newLogger(w io.Writer, l config.Log) logr.Logger {
	o := &slog.HandlerOptions{Level: l.Level.Slog(), ReplaceAttr: nameLevel}
	if l.Format == config.LogText {
		return logr.FromSlogHandler(slog.NewTextHandler(w, o))
	}
	return logr.FromSlogHandler(slog.NewJSONHandler(w, o))
}

// nameLevel writes levels without their offsets: V(1) of logr is "DEBUG+3" to
// slog.
func nameLevel(groups []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && len(groups) == 0 && a.Key == slog.LevelKey && level < slog.LevelInfo {
		a.Value = slog.StringValue("DEBUG")
	}
	return a
}

// adoptLibraryLogs makes what client-go and net/http write lines of log.
func adoptLibraryLogs(log logr.Logger) {
	klog.SetLoggerWithOptions(log.WithName("client-go"), klog.ContextualLogger(true))
	slog.SetDefault(slog.New(logr.ToSlogHandler(log)))
	slog.SetLogLoggerLevel(slog.LevelDebug)
}

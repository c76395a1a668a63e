package main

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/proxy/config"
)

// A journal writes the log as the configuration says, which may change while it
// is being written.
type journal struct {
	level slog.LevelVar
	text  atomic.Bool // else JSON
	w     io.Writer
}

// newJournal returns a journal that writes to w, each line in one Write.
func newJournal(w io.Writer, l config.Log) *journal {
	j := &journal{w: w}
	j.Configure(l)
	return j
}

// Configure makes the journal follow l from the next line on.
func (j *journal) Configure(l config.Log) {
	j.level.Set(l.Level.Slog())
	j.text.Store(l.Format == config.LogText)
}

// Logger returns the logger that writes to the journal.
func (j *journal) Logger() logr.Logger { return logr.FromSlogHandler(j.handler()) }

func (j *journal) handler() slog.Handler {
	o := &slog.HandlerOptions{Level: &j.level, ReplaceAttr: nameLevel}
	return lineHandler{j, slog.NewJSONHandler(j.w, o), slog.NewTextHandler(j.w, o)}
}

// nameLevel writes levels without their offsets: V(1) of logr is "DEBUG+3" to
// slog.
func nameLevel(groups []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && len(groups) == 0 && a.Key == slog.LevelKey && level < slog.LevelInfo {
		a.Value = slog.StringValue("DEBUG")
	}
	return a
}

// A lineHandler is a [slog.Handler] that decides for each line which of two
// others writes it.
type lineHandler struct {
	journal    *journal
	json, text slog.Handler
}

// Enabled implements slog.Handler; the level is the same for both.
func (h lineHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.json.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h lineHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.journal.text.Load() {
		return h.text.Handle(ctx, r)
	}
	return h.json.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h lineHandler) WithAttrs(as []slog.Attr) slog.Handler {
	return lineHandler{h.journal, h.json.WithAttrs(as), h.text.WithAttrs(as)}
}

// WithGroup implements slog.Handler.
func (h lineHandler) WithGroup(name string) slog.Handler {
	return lineHandler{h.journal, h.json.WithGroup(name), h.text.WithGroup(name)}
}

// adoptStandardLog makes what libraries write to the standard logger lines of
// log, at debug level: net/http's client tells there of applications that
// misbehave, in bytes of theirs.
func adoptStandardLog(log logr.Logger) {
	slog.SetDefault(slog.New(logr.ToSlogHandler(log)))
	slog.SetLogLoggerLevel(slog.LevelDebug)
}

// logWarnings logs what is allowed and yet unlikely to be meant.
func logWarnings(log logr.Logger, cfg *config.Config) {
	for _, w := range cfg.Warnings() {
		log.Info("configuration warning", "warning", w)
	}
}

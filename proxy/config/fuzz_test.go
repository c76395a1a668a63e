package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/sidegate/sidegate/proxy/config"
)

// Whatever comes in, there is either a Config that passes Validate unchanged and
// asks a policy for everybody, or errors that name the document.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := config.Parse("f.yaml", data)
		if err != nil {
			errs, ok := errors.AsType[config.Errors](err)
			if !ok || len(errs) == 0 || len(errs) > 100 || cfg != nil {
				t.Fatalf("the error is %v with the Config %v", err, cfg)
			}
			for _, e := range errs {
				if e.File != "f.yaml" || e.Problem == "" || e.Line < 0 {
					t.Fatalf("the error is %+v", e)
				}
			}
			return
		}
		again, err := config.Parse("f.yaml", data)
		if err != nil || again.Validate() != nil || !reflect.DeepEqual(cfg, again) {
			t.Fatal("validating it again fails or changes it")
		}
		for i := range cfg.Ingress {
			if in := &cfg.Ingress[i]; in.Policy == nil || len(in.Policy.Rules) != len(in.Allow) || in.Upstream.IsZero() || len(in.ClientCA) == 0 {
				t.Fatalf("the ingress is %+v", in)
			}
		}
		cfg.Warnings()
	})
}

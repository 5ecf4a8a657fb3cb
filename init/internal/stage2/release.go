package stage2

import (
	"encoding/json"
	"os"
	"time"
)

// release is the content of release.json, which the image builder writes.
type release struct {
	Version   string    `json:"version"`
	BuildTime time.Time `json:"buildTime"`
	Kernel    string    `json:"kernel"`
	Arch      string    `json:"arch"`
}

func readRelease(path string) (release, error) {
	var r release
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

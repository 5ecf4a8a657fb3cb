package clock

import (
	"fmt"
	"strings"
	"time"
)

// limit is how many years after the image's build a clock or a saved time can be. Later, no certificate is valid any
// more.
const limit = 20

// ParseSaved returns the time of a line that an earlier boot saved (RFC 3339), if it is a lower bound for the clock of
// an image that was built at a given time.
func ParseSaved(text string, build time.Time) (time.Time, error) {
	saved, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
	if err != nil {
		return time.Time{}, err
	}
	if !saved.Before(build.AddDate(limit, 0, 0)) {
		return time.Time{}, fmt.Errorf("%s is %d years or more after the image's build time", saved.UTC().Format(time.RFC3339), limit)
	}
	return saved, nil
}

package clock

import (
	"fmt"
	"strings"
	"time"
)

// savedLimit is how many years after the image's build a saved time can be. A later one would put the clock where no
// certificate is valid any more.
const savedLimit = 20

// ParseSaved returns the time of a line that an earlier boot saved (RFC 3339), if it is a lower bound for the clock of
// an image that was built at a given time.
func ParseSaved(text string, build time.Time) (time.Time, error) {
	saved, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
	if err != nil {
		return time.Time{}, err
	}
	if !saved.Before(build.AddDate(savedLimit, 0, 0)) {
		return time.Time{}, fmt.Errorf("%s is %d years or more after the image's build time", saved.UTC().Format(time.RFC3339), savedLimit)
	}
	return saved, nil
}

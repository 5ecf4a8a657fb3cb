package stage2

import (
	"testing"

	"kios.dev/init/internal/testvector"
)

func TestHostJSONHasTheFormOfTheVectors(t *testing.T) {
	testvector.Keep[hostState](t, "host.json")
}

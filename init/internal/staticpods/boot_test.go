package staticpods

import (
	"regexp"
	"testing"
)

const once = `{"metadata":{"name":"cni","uid":"945290da-bda8-87b5-b875-498b52ca7104"},"spec":{"restartPolicy":"OnFailure"}}`

// offeredIn returns what kubelet reads of a manifest in a boot.
func offeredIn(t *testing.T, manifest, boot string) string {
	t.Helper()
	f := folder(t, map[string]string{"pod.yaml": manifest})
	f.Boot = boot
	for range 2 { // the second sync finds its own copy
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	return offered(t, f)["pod.yaml"]
}

func TestAPodThatRunsOnceRunsOnceInEachBoot(t *testing.T) {
	one, two := offeredIn(t, once, "boot-1"), offeredIn(t, once, "boot-2")
	if one == once || two == once || one == two {
		t.Errorf("offered %s, then %s", one, two)
	}
	if again := offeredIn(t, once, "boot-1"); again != one {
		t.Errorf("in one boot offered %s, then %s", one, again)
	}
	shape := regexp.MustCompile(`^\{"metadata":\{"name":"cni","uid":"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"\},"spec":\{"restartPolicy":"OnFailure"\}\}$`)
	if !shape.MatchString(one) {
		t.Errorf("offered %s", one)
	}
}

func TestOtherPodsKeepTheirUIDOverABoot(t *testing.T) {
	for _, manifest := range []string{
		first, later, yaml,
		`{"metadata":{"name":"dhcp","uid":"u-1"},"spec":{"restartPolicy":"Always"}}`,
		`{"metadata":{"name":"mine"},"spec":{"restartPolicy":"Never"}}`,
	} {
		if got := offeredIn(t, manifest, "boot-1"); got != manifest {
			t.Errorf("offered %s, want %s", got, manifest)
		}
	}
}

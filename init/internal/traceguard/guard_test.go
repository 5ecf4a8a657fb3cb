package traceguard

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func TestACommandIsGivenAgainAfterASignal(t *testing.T) {
	given := 0
	fd, err := uninterrupted(func() (int, error) {
		if given++; given < 4 {
			return 0, unix.EAGAIN
		}
		return 7, nil
	})
	if fd != 7 || err != nil || given != 4 {
		t.Errorf("%d, %v after %d commands", fd, err, given)
	}
}

func TestACommandThatFailsIsNotGivenAgain(t *testing.T) {
	given := 0
	_, err := uninterrupted(func() (int, error) { given++; return 0, unix.EPERM })
	if !errors.Is(err, unix.EPERM) || given != 1 {
		t.Errorf("%v after %d commands", err, given)
	}
}

func TestSignalsWithoutEndAreAnError(t *testing.T) {
	if _, err := uninterrupted(func() (int, error) { return 0, unix.EAGAIN }); !errors.Is(err, unix.EAGAIN) {
		t.Error(err)
	}
}

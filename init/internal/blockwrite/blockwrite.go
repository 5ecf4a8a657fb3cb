// Package blockwrite carries out planned writes to a block device in order, so that a power cut leaves the device as a
// beginning of the plan left it. Only the last write that reached the device may be torn, between two of its sectors.
package blockwrite

import (
	"fmt"
	"io"
)

// Write is one step of a plan. It covers whole sectors.
type Write struct {
	Offset int64 // bytes
	Data   []byte
}

// Device is the part of a file that Apply needs.
type Device interface {
	io.WriterAt
	Sync() error
}

// Apply makes each write durable before it begins the next one.
func Apply(device Device, plan []Write) error {
	for _, write := range plan {
		if _, err := device.WriteAt(write.Data, write.Offset); err != nil {
			return fmt.Errorf("write %d bytes at %d: %w", len(write.Data), write.Offset, err)
		}
		if err := device.Sync(); err != nil {
			return fmt.Errorf("flush %d bytes at %d: %w", len(write.Data), write.Offset, err)
		}
	}
	return nil
}

package hostapi

import (
	"encoding/json"
	"net"
	"time"
)

// Reply sends a value as one line of JSON, and gives up on a client that has not read it after so long.
func Reply(conn net.Conn, value any, longest time.Duration) {
	line, err := json.Marshal(value)
	if err != nil {
		return
	}
	conn.SetWriteDeadline(time.Now().Add(longest))
	conn.Write(append(line, '\n'))
}

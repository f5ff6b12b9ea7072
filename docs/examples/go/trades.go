// Prints the proven trades of a token from Curvetape's log: `go run . MINT`.
//
// The log's address is in NATS_URL, with `user:password@` where the server asks for it.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	stream        = "PUMP"
	batchMax      = 1_000
	answerWaitMax = 10 * time.Second
	pollWait      = 250 * time.Millisecond
)

// event has what this program needs of any event. Amounts reach 2^64-1; json.Number keeps them.
type event struct {
	Kind        string
	ID          string
	Pos         [4]int64
	Slot        *int64
	Retracted   int
	Provisional bool
	Mint        string
	Side        string
	User        string
	BaseMint    string      `json:"base_mint"`
	QuoteMint   string      `json:"quote_mint"`
	BaseAmount  json.Number `json:"base_amount"`
	TokenAmount json.Number `json:"token_amount"`
	QuoteAmount json.Number `json:"quote_amount"`
}

type trade struct {
	Pos  [4]int64 `json:"pos"`
	Line string   `json:"line"`
}

type waiting struct {
	Events int     `json:"events"`
	Trades []trade `json:"trades"`
}

// trades is what is known up to a position: those that wait for their slot to be proven.
type trades struct {
	mint, file string
	Position   uint64             `json:"position"`
	Waiting    map[int64]*waiting `json:"waiting"`
}

func load(mint, file string) (*trades, error) {
	t := &trades{mint: mint, file: file, Waiting: map[int64]*waiting{}}
	kept, err := os.ReadFile(file)
	if file == "" || errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	return t, json.Unmarshal(kept, t)
}

// take takes the message behind the position and prints what counts since.
func (t *trades) take(sequence uint64, payload []byte) error {
	if sequence != t.Position+1 {
		return fmt.Errorf("sequence %d came where %d was expected", sequence, t.Position+1)
	}
	t.Position = sequence
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return fmt.Errorf("sequence %d is no event: %w", sequence, err)
	}
	slot := e.Pos[0]
	if e.Slot != nil {
		slot = *e.Slot
	}
	held := t.Waiting[slot]
	if held == nil {
		held = &waiting{}
	}
	switch {
	case e.Kind == "slot.confirmed":
		delete(t.Waiting, slot)
		sort.Slice(held.Trades, func(i, j int) bool {
			return before(held.Trades[i].Pos, held.Trades[j].Pos)
		})
		for _, proven := range held.Trades {
			fmt.Println(proven.Line)
		}
	case e.Kind == "slot.abandoned":
		delete(t.Waiting, slot)
		// What is taken back and does not wait has counted already.
		if e.Retracted > held.Events {
			return fmt.Errorf("slot %d was taken back after its proof; read it all again", slot)
		}
	default:
		line, err := t.line(&e)
		if err != nil {
			return err
		}
		if e.Provisional {
			held.Events++
			t.Waiting[slot] = held
			if line != "" {
				held.Trades = append(held.Trades, trade{e.Pos, line})
			}
		} else if line != "" {
			fmt.Println(line)
		}
	}
	return nil
}

// line is a trade of the token as a line, and empty for anything else.
func (t *trades) line(e *event) (string, error) {
	noun, verb, _ := strings.Cut(e.Kind, ".")
	verb, _, versioned := strings.Cut(verb, ".")
	if verb != "traded" || e.Mint != t.mint {
		return "", nil
	}
	if versioned || noun != "curve" && noun != "completion" && noun != "pool" {
		return "", fmt.Errorf("%s is newer than this program", e.Kind)
	}
	side, quote, token := e.Side, e.QuoteAmount, e.TokenAmount
	if noun == "pool" {
		token = e.BaseAmount
		if e.QuoteMint == t.mint && e.BaseMint != t.mint { // the pool calls the token its quote
			side = map[string]string{"buy": "sell", "sell": "buy"}[side]
			quote, token = token, quote
		}
	}
	return fmt.Sprintf("%d.%d.%d.%d %s %s %s for %s by %s %s",
		e.Pos[0], e.Pos[1], e.Pos[2], e.Pos[3], noun, side, token, quote, e.User, e.ID), nil
}

// save keeps the position and what waits together, whole or not at all.
func (t *trades) save() error {
	if t.file == "" {
		return nil
	}
	kept, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := os.WriteFile(t.file+".new", kept, 0o644); err != nil {
		return err
	}
	return os.Rename(t.file+".new", t.file)
}

func before(a, b [4]int64) bool {
	for part := range a {
		if a[part] != b[part] {
			return a[part] < b[part]
		}
	}
	return false
}

// ask hands out sequence and payload of messages, from JetStream's Direct Get, which keeps no state.
func ask(nc *nats.Conn, question map[string]any, take func(uint64, []byte) error) error {
	inbox := nc.NewRespInbox()
	answers, err := nc.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer answers.Unsubscribe()
	asked, err := json.Marshal(question)
	if err != nil {
		return err
	}
	if err := nc.PublishRequest("$JS.API.DIRECT.GET."+stream, inbox, asked); err != nil {
		return err
	}
	for {
		message, err := answers.NextMsg(answerWaitMax)
		if err != nil {
			return fmt.Errorf("the log did not answer; may this user read it? %w", err)
		}
		switch status := message.Header.Get("Status"); status {
		case "":
		case "204", "404": // the batch's end, or there is nothing
			return nil
		default:
			return fmt.Errorf("the log answered %s %s", status, message.Header.Get("Description"))
		}
		sequence, err := strconv.ParseUint(message.Header.Get("Nats-Sequence"), 10, 64)
		if err != nil {
			return err
		}
		if err := take(sequence, message.Data); err != nil {
			return err
		}
		if question["batch"] == nil {
			return nil
		}
	}
}

// run reads from the position that was kept to the log's end, or on and on.
func run() error {
	state := flag.String("state", "", "file in which the position is kept")
	follow := flag.Bool("follow", false, "wait at the end for more")
	flag.Parse()
	if flag.NArg() != 1 {
		return errors.New("usage: trades [--state FILE] [--follow] MINT")
	}
	t, err := load(flag.Arg(0), *state)
	if err != nil {
		return err
	}
	url := os.Getenv("NATS_URL")
	if url == "" {
		url = nats.DefaultURL
	}
	nc, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	var last uint64
	err = ask(nc, map[string]any{"last_by_subj": "pump.>"}, func(sequence uint64, _ []byte) error {
		last = sequence
		return nil
	})
	if err != nil {
		return err
	}
	if last < t.Position {
		return fmt.Errorf("the log ends at %d, before %d: another log?", last, t.Position)
	}
	for *follow || t.Position < last {
		before := t.Position
		question := map[string]any{"seq": before + 1, "batch": batchMax}
		if err := ask(nc, question, t.take); err != nil {
			return err
		}
		if err := t.save(); err != nil {
			return err
		}
		if t.Position > before {
			continue
		}
		if !*follow {
			return fmt.Errorf("the log has nothing behind %d, but ends at %d", before, last)
		}
		time.Sleep(pollWait)
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "trades:", err)
		os.Exit(1)
	}
}

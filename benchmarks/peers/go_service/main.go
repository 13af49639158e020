// A WhatsApp queue in Go, to measure trio-wa beside. It is written for that purpose, from a
// description of a small service on Gin (a buffered channel, goroutines, no store), with the
// standard library alone, so that it builds offline.
//
// Where Gin costs something that a caller waits for, it is here too: the body is bound by a
// json.Decoder and its required members are checked, the answer is marshalled, and each request
// leaves a line of access log on standard output, as Gin's default logger writes it. Gin's router,
// context pool and recovery are cheaper than what net/http does anyway.
//
// The described client closes answers unread. Before Go 1.27 that cost each message a connection of
// its own; since then the library reads a short rest itself, and eight messages of ten need one, as
// two idle connections are kept for 50 workers.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	capacity    = 10000
	sendTimeout = 15 * time.Second
	openTimeout = 5 * time.Second // for open requests, after a signal
)

type job struct {
	To      string `json:"to"`
	Message string `json:"message"`
}

type outgoing struct {
	ChatID  string `json:"chatId"`
	Text    string `json:"text"`
	Session string `json:"session"`
}

// sender hands messages to WAHA, over the sessions in turn.
type sender struct {
	client   *http.Client
	url      string
	key      string
	sessions []string
	turn     atomic.Uint64
	drain    bool // read each answer to its end, so that its connection can be used again
}

func (s *sender) send(j job) error {
	session := s.sessions[(s.turn.Add(1)-1)%uint64(len(s.sessions))]
	body, err := json.Marshal(outgoing{j.To + "@c.us", j.Message, session})
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Api-Key", s.key)
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if s.drain {
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		return fmt.Errorf("WAHA said %d", response.StatusCode)
	}
	return nil
}

// work sends what is queued until the queue is closed; what fails is logged, and lost.
func work(queue <-chan job, s *sender) {
	for j := range queue {
		if err := s.send(j); err != nil {
			log.Printf("lost: %v", err)
		}
	}
}

func answer(w http.ResponseWriter, status int, body map[string]string) {
	encoded, err := json.Marshal(body)
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(encoded)
}

func accept(queue chan<- job) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var j job
		if err := json.NewDecoder(r.Body).Decode(&j); err != nil || j.To == "" || j.Message == "" {
			answer(w, http.StatusBadRequest, map[string]string{"error": "Payload invalid"})
			return
		}
		select {
		case queue <- j:
			answer(w, http.StatusAccepted,
				map[string]string{"status": "queued", "message": "Pesan masuk antrean"})
		default:
			answer(w, http.StatusServiceUnavailable,
				map[string]string{"error": "Server sibuk, antrean penuh"})
		}
	}
}

// statusWriter remembers the status for the access log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		seen := &statusWriter{w, http.StatusOK}
		next.ServeHTTP(seen, r)
		peer := r.RemoteAddr[:strings.LastIndexByte(r.RemoteAddr, ':')]
		fmt.Fprintf(os.Stdout, "[GIN] %v | %3d | %13v | %15s | %-7s %#v\n",
			time.Now().Format("2006/01/02 - 15:04:05"), seen.status, time.Since(start), peer,
			r.Method, r.URL.Path)
	})
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	count, err := strconv.Atoi(setting("WORKER_COUNT", "50"))
	if err != nil {
		log.Fatal(err)
	}
	workers := flag.Int("workers", count, "goroutines that send")
	tuned := flag.Bool("tuned", false, "read answers to their end, and keep a connection a worker")
	flag.Parse()

	s := &sender{
		client:   &http.Client{Timeout: sendTimeout},
		url:      strings.TrimRight(setting("WAHA_URL", "http://localhost:3000"), "/") + "/api/sendText",
		key:      os.Getenv("WAHA_API_KEY"),
		sessions: strings.Split(setting("WAHA_SESSIONS", "default"), ","),
		drain:    *tuned,
	}
	if *tuned {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConns = max(*workers, 50)
		transport.MaxIdleConnsPerHost = max(*workers, 50)
		s.client.Transport = transport
	}

	queue := make(chan job, capacity)
	var sending sync.WaitGroup
	for range *workers {
		sending.Add(1)
		go func() {
			defer sending.Done()
			work(queue, s)
		}()
	}

	routes := http.NewServeMux()
	routes.HandleFunc("POST /send", accept(queue))
	server := &http.Server{Addr: "127.0.0.1:" + setting("PORT", "8080"), Handler: logged(routes)}
	go func() {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		}
	}()

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	<-stop
	open, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	if err := server.Shutdown(open); err != nil {
		log.Fatal(err)
	}
	close(queue)
	sending.Wait()
}

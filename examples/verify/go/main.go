// A service in Go that serves who has a token for it, verified with github.com/coreos/go-oidc against the issuer's
// published keys. It asks nobody about single tokens: a revoked one counts until it expires.
//
//	verify-go -issuer https://tokens.example.org -audience https://services.example.org -listen 127.0.0.1:9000
//
// SSL_CERT_FILE names a PEM file where the issuer's certificate is not from a CA that the system trusts.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// claims are those of a token that this service looks at.
type claims struct {
	Subject string   `json:"sub"`
	Scope   string   `json:"scope"`
	Roles   []string `json:"roles"`
}

var errNoAccessToken = errors.New("not an access token")

// accessTokens verifies access tokens of one issuer for one audience.
type accessTokens struct {
	verifier *oidc.IDTokenVerifier
}

func discover(ctx context.Context, issuer, audience string) (*accessTokens, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	// go-oidc knows RS256 only unless it is told of others; ES256 is what issuers sign with by default.
	config := &oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{oidc.ES256, oidc.RS256}}
	return &accessTokens{provider.VerifierContext(ctx, config)}, nil
}

// verify returns what a good token says: signature, issuer, audience and expiry are looked at by go-oidc, and that it is
// an access token at all, which go-oidc leaves to its caller (RFC 9068, section 4), is looked at first.
func (a *accessTokens) verify(ctx context.Context, token string) (*claims, error) {
	if !isAccessToken(token) {
		return nil, errNoAccessToken
	}
	verified, err := a.verifier.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	var said claims
	if err := verified.Claims(&said); err != nil {
		return nil, err
	}
	return &said, nil
}

func isAccessToken(token string) bool {
	first, _, _ := strings.Cut(token, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		return false
	}
	var header struct {
		Type string `json:"typ"`
	}
	return json.Unmarshal(decoded, &header) == nil && strings.EqualFold(header.Type, "at+jwt")
}

// guarded serves a request only if its token is good and has the scope, as RFC 6750 says.
func (a *accessTokens) guarded(scope string, serve func(http.ResponseWriter, *claims)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			refuse(w, http.StatusUnauthorized, `Bearer realm="service"`)
			return
		}
		said, err := a.verify(r.Context(), strings.TrimSpace(token))
		if err != nil {
			refuse(w, http.StatusUnauthorized, `Bearer realm="service", error="invalid_token"`)
			return
		}
		if !slices.Contains(strings.Fields(said.Scope), scope) {
			refuse(w, http.StatusForbidden,
				fmt.Sprintf(`Bearer realm="service", error="insufficient_scope", scope="%s"`, scope))
			return
		}
		serve(w, said)
	}
}

func refuse(w http.ResponseWriter, status int, challenge string) {
	w.Header().Set("WWW-Authenticate", challenge)
	w.WriteHeader(status)
}

func whoami(w http.ResponseWriter, said *claims) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(map[string]any{"subject": said.Subject, "roles": said.Roles}); err != nil {
		log.Print(err)
	}
}

func main() {
	issuer := flag.String("issuer", "", "URL of the issuer, exactly as its TokenIssuer has it")
	audience := flag.String("audience", "", "what this service is called in the claim aud")
	listen := flag.String("listen", "127.0.0.1:9000", "HOST:PORT; port 0 takes a free one")
	flag.Parse()

	tokens, err := discover(context.Background(), *issuer, *audience)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /whoami", tokens.guarded("read_api", whoami))
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 10 * time.Second}
	log.Printf("listening at http://%s", listener.Addr())
	log.Fatal(server.Serve(listener))
}

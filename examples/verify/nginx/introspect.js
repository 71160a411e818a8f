// Asks the gate about the token of a request (RFC 7662), for nginx's auth_request.
import fs from 'fs';

const AUDIENCE = 'https://services.example.org';
// A token that may introspect. It is read for each request, since it is replaced before it expires.
const CREDENTIAL = '/run/secrets/gate/token';
// RFC 6750, section 2.1.
const BEARER = /^bearer +([A-Za-z0-9\-._~+\/]{1,4096}=*) *$/i;

function credential() {
    return 'Bearer ' + fs.readFileSync(CREDENTIAL).toString().trim();
}

function refuse(r, challenge) {
    r.headersOut['WWW-Authenticate'] = 'Bearer realm="service"' + challenge;
    r.return(401);
}

function isForUs(found) {
    return found.active === true && [].concat(found.aud).includes(AUDIENCE);
}

async function authorize(r) {
    const bearer = BEARER.exec(r.headersIn.Authorization || '');
    if (bearer === null) {
        refuse(r, '');
        return;
    }
    const body = 'token=' + encodeURIComponent(bearer[1]);
    const answer = await r.subrequest('/_introspect', {method: 'POST', body: body});
    if (answer.status !== 200) {
        r.error('the gate answered ' + answer.status);
        r.return(503);
        return;
    }
    const found = JSON.parse(answer.responseText);
    if (!isForUs(found)) {
        refuse(r, ', error="invalid_token"');
        return;
    }
    r.headersOut['X-Token-Subject'] = encodeURIComponent(found.sub);
    r.headersOut['X-Token-Scopes'] = found.scope;
    r.return(204);
}

export default {authorize, credential};

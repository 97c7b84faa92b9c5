// Answers like the echo app.
const http = require("http");
const crypto = require("crypto");

const server = http.createServer((request, response) => {
  const hash = crypto.createHash("sha256");
  request.on("data", (data) => hash.update(data));
  request.on("end", () => {
    const wait = /delay=(\d+)ms/.exec(request.url);
    setTimeout(() => {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify({
        version: process.env.APP_VERSION, method: request.method, uri: request.url, body_sha256: hash.digest("hex"),
      }));
    }, wait ? Number(wait[1]) : 0);
  });
});
server.listen(process.env.LISTEN_FDS ? { fd: 3 } : { port: 8080 });

// Process 1 of a container ignores signals that it does not handle. Nothing
// else is needed: at this moment no request is under way any more.
process.on("SIGTERM", () => process.exit(0));

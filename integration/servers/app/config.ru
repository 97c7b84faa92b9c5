# Answers like the echo app, for Rack servers.
require "digest"
require "json"

run lambda { |env|
  query = env["QUERY_STRING"].to_s
  body = env["rack.input"].read.to_s
  sleep($1.to_i / 1000.0) if query =~ /delay=(\d+)ms/
  uri = env["PATH_INFO"] + (query.empty? ? "" : "?" + query)
  answer = { version: ENV["APP_VERSION"], method: env["REQUEST_METHOD"], uri: uri, body_sha256: Digest::SHA256.hexdigest(body) }
  [200, { "content-type" => "application/json" }, [answer.to_json]]
}

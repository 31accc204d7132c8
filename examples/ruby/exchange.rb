#!/usr/bin/env ruby
# frozen_string_literal: true

# Signs an assertion with openssl and exchanges it for a token with net/http. Prints the token. Ruby 3.0 or newer.
require "json"
require "net/http"
require "openssl"

unless ARGV.size.between?(3, 4)
  warn "usage: exchange.rb <base url> <username> <private key file> [ttl]"
  exit 2
end
base_url, username, key_file, ttl = ARGV

def base64url(bytes) = [bytes].pack("m0").tr("+/", "-_").delete("=")

begin
  parts = [{ alg: "RS256", typ: "JWT" }, { username: username.scrub, iat: Time.now.to_f }]
  input = parts.map { |part| base64url(JSON.generate(part)) }.join(".")
  key = OpenSSL::PKey::RSA.new(File.read(key_file), "")
  assertion = "#{input}.#{base64url(key.sign('SHA256', input))}"
rescue SystemCallError, ArgumentError, OpenSSL::PKey::PKeyError
  abort "#{key_file} isn't a readable RSA private key in PEM."
end

begin
  uri = URI("#{base_url.chomp('/')}/api/auth/v0/refresh/")
  uri.query = URI.encode_www_form(ttl: ttl) if ttl
  request = Net::HTTP::Get.new(uri, "Authorization" => "JWT #{assertion}")
  options = { use_ssl: uri.scheme == "https", open_timeout: 5, read_timeout: 10, max_retries: 0 }
  response = Net::HTTP.start(uri.hostname, uri.port, options) { |http| http.request(request) }
rescue StandardError => e # URI, sockets, TLS and HTTP have no error in common.
  abort "#{base_url} can't be reached: #{e.message.lines.first&.chomp}"
end

answer = begin
  JSON.parse(response.body.to_s, symbolize_names: true)
rescue JSON::ParserError
  nil
end
case answer
in { data: { token: String => token } }
  puts token
in { meta: { errors: [{ code:, message:, **more }, *] } }
  abort "#{code}: #{message}#{"\nHint: #{more[:hint]}" if more[:hint]}"
else
  abort "#{base_url} answered #{response.code}, but not as this API does. Is the address right?"
end

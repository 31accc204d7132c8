#!/usr/bin/env php
<?php
// Signs an assertion with the openssl extension and exchanges it for a token with the curl extension. Prints the token.
declare(strict_types=1);

function fail(string ...$lines): never
{
    fwrite(STDERR, implode("\n", $lines) . "\n");
    exit(1);
}

function base64url(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

function sign(array $claims, OpenSSLAsymmetricKey $key): string
{
    $parts = [['alg' => 'RS256', 'typ' => 'JWT'], $claims];
    $json = array_map(fn (array $part) => json_encode($part, JSON_INVALID_UTF8_SUBSTITUTE), $parts);
    $input = implode('.', array_map(base64url(...), $json));
    openssl_sign($input, $signature, $key, OPENSSL_ALGO_SHA256);
    return $input . '.' . base64url($signature);
}

if ($argc < 4 || $argc > 5) {
    fwrite(STDERR, "usage: exchange.php <base url> <username> <private key file> [ttl]\n");
    exit(2);
}
[, $baseUrl, $username, $keyFile] = $argv;
foreach (['curl', 'openssl'] as $extension) {
    extension_loaded($extension) || fail("PHP's extension $extension is missing; examples/README.md names the packages.");
}

$key = openssl_pkey_get_private((string) @file_get_contents($keyFile));
if (!$key || openssl_pkey_get_details($key)['type'] !== OPENSSL_KEYTYPE_RSA) {
    fail("$keyFile isn't a readable RSA private key in PEM.");
}
$assertion = sign(['username' => $username, 'iat' => time()], $key);

$query = isset($argv[4]) ? '?' . http_build_query(['ttl' => $argv[4]]) : '';
$request = curl_init(rtrim($baseUrl, '/') . "/api/auth/v0/refresh/$query");
curl_setopt_array($request, [
    CURLOPT_HTTPHEADER => ["Authorization: JWT $assertion"],
    CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
    CURLOPT_FOLLOWLOCATION => false,
    CURLOPT_CONNECTTIMEOUT => 5,
    CURLOPT_TIMEOUT => 10,
    CURLOPT_RETURNTRANSFER => true,
]);
$body = curl_exec($request);
if ($body === false) {
    fail("$baseUrl can't be reached: " . curl_error($request));
}

$answer = json_decode($body, true);
$error = $answer['meta']['errors'][0] ?? null;
if (is_string($answer['data']['token'] ?? null)) {
    echo $answer['data']['token'], "\n";
} elseif (isset($error['code'], $error['message'])) {
    fail("{$error['code']}: {$error['message']}", ...(isset($error['hint']) ? ["Hint: {$error['hint']}"] : []));
} else {
    $status = curl_getinfo($request, CURLINFO_RESPONSE_CODE);
    fail("$baseUrl answered $status, but not as this API does. Is the address right?");
}

<?php // Answers like the echo app.
if (preg_match('/delay=(\d+)ms/', $_SERVER['QUERY_STRING'], $wait)) {
    usleep($wait[1] * 1000);
}
header('Content-Type: application/json');
echo json_encode([
    'version' => getenv('APP_VERSION'), 'method' => $_SERVER['REQUEST_METHOD'], 'uri' => $_SERVER['REQUEST_URI'],
    'body_sha256' => hash('sha256', file_get_contents('php://input')),
], JSON_UNESCAPED_SLASHES);

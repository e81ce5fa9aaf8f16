"""The server of the built book."""

import http.client
import threading

from chapters.course import book_server


def test_book_is_served_on_loopback_and_a_free_port(tmp_path):
    (tmp_path / "index.html").write_text("the book")
    first = book_server.server(tmp_path, 0)
    second = book_server.server(tmp_path, first.server_port)
    (tmp_path / "assets").mkdir()
    with first, second:
        threading.Thread(target=first.serve_forever, daemon=True).start()
        asked = http.client.HTTPConnection("127.0.0.1", first.server_port)
        for path, status in (("/", 200), ("/../", 200), ("/assets/", 404), ("/none", 404)):
            asked.request("GET", path)
            answer = asked.getresponse()
            body = answer.read().decode()
            assert (answer.status, answer.headers["Server"]) == (status, "mi book"), path
            assert "Directory listing" not in body and "Python" not in body
            assert status == 404 or body == "the book", "nothing outside of the folder is served"
        asked.close()
        first.shutdown()
        assert first.server_address[0] == second.server_address[0] == "127.0.0.1"
        assert first.server_port != second.server_port
        assert book_server._Pages.extensions_map[".js"] == "text/javascript"

"""The hub in a browser: the pane as a web page, drawn on the server and kept up to date.

`address` reads what is asked for, `desk` finds it, `page` (with `table`, `chart`, `sections`, `words`) says
it in words, `render` sets it out as HTML, `live` knows what has changed since, `static` has scripts and
styles, `signin` lets people in, `visitor` knows browsers, `routes` joins all. Scripts of others are in
`static/vendor`: tools/web_scripts.py puts them there.
"""

"""Reading the files of published protocols: pair lists, ``.bin`` sets, template and media lists."""

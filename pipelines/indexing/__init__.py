"""One run of ``vidsearch index``, from discovered files to committed rows."""

"""The controller: hears of workflows and pods, lets engines decide, does what they say."""
